"""Settings of the runner alone: those of Morpheus, and its command."""

from __future__ import annotations

from morpheus.settings import *  # noqa: F403
from morpheus.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench"]
