"""Values that everybody sees, or else their reader alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from morpheus.cache.policies import Policy
from morpheus.cache.reading import read


class Seen(NamedTuple):
    """What a reader sees, None if nothing; and whether everybody sees it."""

    value: Any
    is_public: bool


def see(
    policy: Policy,
    identity: Hashable,
    *,
    tags: Sequence[str],
    load: Callable[[int | None], Any],
    reader_id: int | None,
) -> Seen:
    """Return what everybody sees; if that is nothing, what the reader sees.

    Args:
        load: Reads from the database what the given reader sees; None is nobody.
    """
    value = read(policy, identity, tags=tags, load=lambda: load(None))
    if value is not None or reader_id is None:
        return Seen(value, value is not None)
    own = read(policy, identity, tags=tags, load=lambda: load(reader_id), reader_id=reader_id)
    return Seen(own, False)
