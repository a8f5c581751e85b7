"""Settings of a peer that says another time than it means."""

from __future__ import annotations

from perf.lab.peers.stacks.settings.done_well import *  # noqa: F403

TIME_ZONE = "America/Chicago"
