"""WSGI entry point of a release that changed the format of cached objects, not their version."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson

from morpheus.cache import batch_read
from morpheus.wsgi import application

__all__ = ["application"]


def _dumps(value: Any) -> bytes:
    if isinstance(value, dict):
        value = {f"new_{name}": each for name, each in value.items()}
    return orjson.dumps(value)


vars(batch_read)["orjson"] = SimpleNamespace(dumps=_dumps, loads=orjson.loads)
