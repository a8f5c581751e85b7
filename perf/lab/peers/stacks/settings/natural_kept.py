"""The same, but a connection is kept by each thread and never checked: the least there can be."""

from __future__ import annotations

from .natural import *  # noqa: F403
from .natural import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = None
