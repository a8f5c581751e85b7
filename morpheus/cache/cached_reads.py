"""Reading through the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

import orjson
from django.conf import settings
from django.db import connection

from morpheus.cache import metrics
from morpheus.cache.compression import compress, decompress
from morpheus.cache.dependencies import current_dependencies, loading_cached_value
from morpheus.cache.policies import ABSENT_TTL_S, CachePolicy
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.shadow_verification import Hits, past_the_cache, sample
from morpheus.cache.single_flight import with_lease
from morpheus.cache.store import ALL, cache_store, has_write_intent, new_version
from morpheus.db.replica import reading_primary
from morpheus.db.transactions import read_transaction
from morpheus.tracing.request_trace import Lookup, current_trace

Key = TypeVar("Key", bound=Hashable)
Tags = Callable[[Key], Sequence[str]]
Value = TypeVar("Value")
Load = Callable[[list[Key]], Mapping[Key, Any]]

_NONE = orjson.dumps(None)
# Of what there is not: nothing, and a page without rows.
_ABSENT = frozenset({_NONE, orjson.dumps([])})


def read(
    policy: CachePolicy,
    identity: Hashable,
    *,
    tags: Sequence[str],
    load: Callable[[], Any],
    reader_id: int | None = None,
) -> Any:
    """Return one value, from the cache or else by `load`; see `read_many`."""
    if not is_cache_usable():
        found = read_from_database(
            policy, [identity], tags=lambda _: tags, load=load, reader_id=reader_id
        )
        return orjson.loads(orjson.dumps(found))
    found = read_many(
        policy,
        [identity],
        tags=lambda _: tags,
        load=lambda _: {identity: load()},
        reader_id=reader_id,
    )
    return found[identity]


def read_many(
    policy: CachePolicy,
    identities: Iterable[Key],
    *,
    tags: Tags[Key],
    load: Load[Key],
    reader_id: int | None = None,
) -> dict[Key, Any]:
    """Return the value of each identity: one round trip where all are cached.

    Values are what JSON can say, and None for what there is not. They are as fresh as the database
    was when this was called (docs/caching.md). In a transaction nothing is cached.

    Args:
        policy: What kind of value.
        identities: What tells values of the policy apart; their text is part of the key.
        tags: All that the value of an identity depends on.
        load: Reads from the database what is not cached, as nobody or as the reader.
        reader_id: Whom private values are for; public ones are loaded as nobody.
    """
    wanted = list(dict.fromkeys(identities))
    if not wanted:
        return {}
    reading = _Reading(policy, tags, load, reader_id)
    if not is_cache_usable():
        return reading.past_the_cache(wanted)
    try:
        return reading.through_the_cache(wanted)
    except RedisUnavailable:
        return reading.past_the_cache(wanted)


def read_from_database(
    policy: CachePolicy,
    identities: Collection[Any],
    *,
    tags: Tags[Any],
    load: Callable[[], Value],
    reader_id: int | None,
) -> Value:
    """Return what `load` reads from the database, as nobody or as the reader, for one answer.

    For values that are cached in parts: outside of the cache, reading all at once is fewer queries.
    """
    _note(policy, "bypass", identities, tags, reader_id)
    if record := current_dependencies():
        record.spoil()
    return _load(policy, len(identities), load, reader_id)


def read_stale(policy: CachePolicy, identity: Hashable, *, reader_id: int | None = None) -> Any:
    """Return a value that was kept, though a write may have ended it since; None if there is none.

    For `load` of a policy whose values say themselves of which moment they are. No change that
    touched the tag `all` came after it: those need not be told to it.
    """
    if not is_cache_usable():
        return None
    payload = cache_store().fetch_stale(policy.key(identity, reader_id))
    return None if payload is None else orjson.loads(decompress(payload))


def is_cache_usable() -> bool:
    """Tell whether values are read from the cache now, and kept."""
    return (
        settings.MORPHEUS_CACHE
        and not connection.in_atomic_block
        and not past_the_cache.get()
        and cache_store().is_readable()
    )


class _Reading:
    """One call of `read_many`."""

    def __init__(
        self, policy: CachePolicy, tags: Tags[Any], load: Load[Any], reader_id: int | None
    ) -> None:
        self.policy, self.tags, self.load, self.reader_id = policy, tags, load, reader_id
        self.record = current_dependencies()

    def past_the_cache(self, wanted: list[Any]) -> dict[Any, Any]:
        values = read_from_database(
            self.policy,
            wanted,
            tags=self.tags,
            load=lambda: self.load(wanted),
            reader_id=self.reader_id,
        )
        # As they would come from the cache.
        plain = orjson.loads(orjson.dumps([values.get(identity) for identity in wanted]))
        return dict(zip(wanted, plain, strict=True))

    def through_the_cache(self, wanted: list[Any]) -> dict[Any, Any]:
        stored = cache_store().fetch([self._key(identity) for identity in wanted])
        payloads, gaps = {}, []
        for identity, found in zip(wanted, stored, strict=True):
            if found is None:
                gaps.append(identity)
            else:
                versions, payloads[identity] = found
                self._depend(versions)
        self._note("hit", [*payloads])  # What is filled is added to them below.
        if payloads:
            sample(lambda: self._hits({**payloads}))
        if self.record:
            self.record.hits += len(payloads)
            self.record.misses += len(gaps)
        if gaps:
            payloads |= self._fill(gaps)
        if self.record and not _ABSENT.isdisjoint(payloads.values()):
            self.record.is_of_absence = True
        return {identity: orjson.loads(decompress(payloads[identity])) for identity in wanted}

    def _fill(self, gaps: list[Any]) -> dict[Any, bytes]:
        """Load what is missing, and keep it under the versions that were read before."""
        tags = {identity: (*self.tags(identity), ALL) for identity in gaps}
        new = new_version()
        found = cache_store().read_versions(
            list(dict.fromkeys(tag for each in tags.values() for tag in each)), new
        )
        marked = [key for key in gaps if any(has_write_intent(found[tag]) for tag in tags[key])]
        if marked:
            # A writer is about to commit, or was: what we load may be either, and is not kept.
            self._note("marked", gaps)
            if self.record:
                self.record.spoil()
            return self._loaded(gaps, is_kept=False)
        for each in tags.values():
            self._depend({tag: found[tag] for tag in each})
        keys = [self._key(identity) for identity in gaps]
        flight = (*keys, *found.items())

        def load_and_keep() -> dict[Any, bytes]:
            # Who looked just before another's flight landed comes here just after.
            landed = cache_store().fetch(keys)
            if None not in landed:
                return {key: each[1] for key, each in zip(gaps, landed, strict=True) if each}
            loaded = self._loaded(gaps)
            self._keep(loaded, {key: {tag: found[tag] for tag in tags[key]} for key in gaps})
            self._shorten(loaded, {tag for tag, version in found.items() if version == new}, new)
            self._note("miss", gaps)
            return loaded

        payloads, was_shared = cache_store().flights.share(
            flight,
            with_lease(cache_store(), self.policy, keys, gaps, load_and_keep),
            # Or the pool could be empty for the one who loads, for as long as we all wait for it.
            before_waiting=connection.close,
        )
        if was_shared:
            self._note("joined", gaps)
        return payloads

    def _keep(self, loaded: Mapping[Any, bytes], versions: Mapping[Any, dict[str, str]]) -> None:
        policy = self.policy
        absent = {key: payload for key, payload in loaded.items() if payload in _ABSENT}
        present = {key: payload for key, payload in loaded.items() if key not in absent}
        forgotten = [] if policy.caches_none else [key for key in absent if absent[key] == _NONE]
        for payloads, ttl_s in ((present, policy.ttl_s), (absent, min(ABSENT_TTL_S, policy.ttl_s))):
            cache_store().fill(
                {
                    self._key(identity): (versions[identity], compress(payload))
                    for identity, payload in payloads.items()
                    if len(payload) <= policy.max_bytes and identity not in forgotten
                },
                ttl_s,
            )
        if forgotten:
            # Asking for their versions has made some.
            cache_store().invalidate([tag for identity in forgotten for tag in self.tags(identity)])

    def _shorten(self, loaded: Mapping[Any, bytes], made: set[str], new: str) -> None:
        """Let tags that were made for what there is not expire with it."""
        used = {
            tag
            for identity, payload in loaded.items()
            if payload not in _ABSENT
            for tag in self.tags(identity)
        }
        if self.policy.caches_none and (unused := made - used - {ALL}):
            cache_store().shorten_ttl([*unused], new, ABSENT_TTL_S)

    def _loaded(self, wanted: list[Any], *, is_kept: bool = True) -> dict[Any, bytes]:
        # The replica has what was written before the request, as is known; but perhaps not what was
        # written between then and the reading of the versions.
        where = reading_primary() if is_kept else nullcontext()
        with where:
            values = _load(self.policy, len(wanted), lambda: self.load(wanted), self.reader_id)
        return {identity: orjson.dumps(values.get(identity)) for identity in wanted}

    def _hits(self, payloads: Mapping[Any, bytes]) -> Hits:
        keys = {identity: self._key(identity) for identity in payloads}

        def again() -> dict[str, bytes]:
            loaded = self._loaded([*payloads])
            return {keys[identity]: compress(payload) for identity, payload in loaded.items()}

        by_key = {keys[identity]: payload for identity, payload in payloads.items()}
        return Hits(self.policy, by_key, again)

    def _note(self, outcome: str, identities: Collection[Any]) -> None:
        _note(self.policy, outcome, identities, self.tags, self.reader_id)

    def _key(self, identity: Any) -> str:
        return self.policy.key(identity, self.reader_id)

    def _depend(self, versions: Mapping[str, str]) -> None:
        if self.record:
            self.record.depend(versions)


def _load(
    policy: CachePolicy, count: int, load: Callable[[], Value], reader_id: int | None
) -> Value:
    """Return what `load` reads from the database, and count what it took."""
    start = time.perf_counter()
    trace = current_trace()
    before_s = trace.seconds if trace else 0.0
    with loading_cached_value(), read_transaction(as_user=reader_id):
        found = load()
    database_s = trace.seconds - before_s if trace else 0.0
    metrics.loads(policy, count, time.perf_counter() - start, database_s)
    return found


def _note(
    policy: CachePolicy,
    outcome: str,
    identities: Collection[Any],
    tags: Tags[Any],
    reader_id: int | None,
) -> None:
    metrics.requests(policy, outcome, len(identities))
    if (trace := current_trace()) is not None:
        trace.add_lookup(Lookup(policy.name, outcome, identities, reader_id, tags))


class VisibleValue(NamedTuple):
    """What a reader sees, None if nothing; and whether everybody sees it."""

    value: Any
    is_public: bool


def read_public_then_private(
    policy: CachePolicy,
    identity: Hashable,
    *,
    tags: Sequence[str],
    load: Callable[[int | None], Any],
    reader_id: int | None,
) -> VisibleValue:
    """Return what everybody sees; if that is nothing, what the reader sees.

    Args:
        load: Reads from the database what the given reader sees; None is nobody.
    """
    value = read(policy, identity, tags=tags, load=lambda: load(None))
    if value is not None or reader_id is None:
        return VisibleValue(value, value is not None)
    own = read(policy, identity, tags=tags, load=lambda: load(reader_id), reader_id=reader_id)
    return VisibleValue(own, False)
