"""Settings of a peer whose times are in another time zone."""

from __future__ import annotations

import os

os.environ["BENCH_PEER"] = "done_well"

from perf.lab.peers.stacks.settings import *  # noqa: E402, F403

TIME_ZONE = "America/Chicago"
