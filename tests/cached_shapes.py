"""The shape of cached values, as files: a change of shape needs a new version of the policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from morpheus.cache.policies import CachePolicy
from morpheus.cache.store import cache_store, decompress


def assert_shape_is_kept(
    folder: Path, policy: CachePolicy, identity: Any, reader_id: int | None = None, part: str = ""
) -> None:
    """Compare a value that is in the cache with the policy's file.

    A server of the version before reads what this one keeps, as long as their versions agree. A
    policy whose values are parts of one has a file for each.
    """
    [value] = cache_store().fetch([policy.key(identity, reader_id)])
    assert value is not None, "no value is cached under this identity"
    shape = {"version": policy.version, "value": _shape(orjson.loads(decompress(value[1])))}
    path = folder / f"{'.'.join(filter(None, [policy.name, part]))}.json"
    text = json.dumps(shape, indent=2) + "\n"
    assert text == (path.read_text() if path.exists() else ""), (
        f"The shape of {policy.name} changed: raise its version, then let {path.name} hold\n{text}"
    )


def _shape(value: Any) -> Any:
    """Return keys and types; of a list, the shapes that its members have."""
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    if isinstance(value, list):
        shapes: list[Any] = []
        shapes.extend(each for each in map(_shape, value) if each not in shapes)
        return shapes
    return type(value).__name__
