"""Settings of a peer whose times are in another time zone."""

from __future__ import annotations

from perf.lab.peers.stacks.settings.done_well import *  # noqa: F403

TIME_ZONE = "America/Chicago"
