"""Settings of a worker under test that waits for its task as long as the test says."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

MORPHEUS_STOP_TIMEOUT_S = int(os.environ["MORPHEUS_TEST_STOP_TIMEOUT_S"])
