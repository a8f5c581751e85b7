"""How rows of reference tables are kept: as JSON, which cannot run code as pickle can."""

from __future__ import annotations

from typing import Any

import orjson


class RowSerializer:
    """JSON in which a list without a list in it is a row, and comes back as the tuple it was.

    Columns are text, whole numbers or booleans; a system check refuses tables with others.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        """Take django-redis' options, of which none is about this."""

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, value: bytes) -> Any:
        return _with_rows(orjson.loads(value))


def _with_rows(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if any(isinstance(item, list) for item in value):
        return [_with_rows(item) for item in value]
    return tuple(value)
