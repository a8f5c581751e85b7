"""What an address of the dashboard may hold."""

from __future__ import annotations

from django.urls import register_converter

# What fits into 64 bits with a sign.
_LEAST, _MOST = -(2**63), 2**63 - 1


class QueryId:
    """PostgreSQL's number of a statement; it may be negative."""

    regex = r"-?[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Raises ValueError, which means that there is no such page."""
        number = int(value)
        if not _LEAST <= number <= _MOST:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(QueryId, "query_id")
