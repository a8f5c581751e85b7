"""Times as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_shown(time: datetime) -> str:
    """Return a time as `DATETIME_FORMAT` of REST_FRAMEWORK says, which DRF would read each time."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
