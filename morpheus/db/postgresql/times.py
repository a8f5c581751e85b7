"""Times as the API shows them: in UTC, with microseconds and a `Z`."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg.abc import Buffer
from psycopg.adapt import Loader


def format_time(time: datetime) -> str:
    """Return a time as REST_FRAMEWORK's `DATETIME_FORMAT` says, which DRF reads every time."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def parse_time(text: str) -> datetime:
    """Return a time from its text in a row or in JSON."""
    return datetime.fromisoformat(text)


class TimeTextLoader(Loader):
    """Loads a `timestamptz` as `format_time` shows it: no value becomes a datetime in between."""

    def load(self, data: Buffer) -> str:
        text = str(data, "ascii")
        # Of a connection in UTC, and of a year with four digits.
        if text[-3:] != "+00" or text[10] != " ":
            return format_time(parse_time(text))
        clock = text[11:-3]
        if len(clock) < 15:  # PostgreSQL leaves out zeros at the end of a fraction.
            clock = f"{clock}.000000" if len(clock) == 8 else clock.ljust(15, "0")
        return f"{text[:10]}T{clock}Z"
