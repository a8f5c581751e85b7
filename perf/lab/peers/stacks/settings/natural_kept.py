"""As `natural`, but each thread keeps an unchecked connection: the least possible work."""

from __future__ import annotations

from .natural import *  # noqa: F403
from .natural import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = None
