"""One read of values of one policy: fetch them, and load and fill the missing ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import orjson
from django.db import connection

from morpheus.cache import metrics
from morpheus.cache.dependencies import current_dependencies, loading_cached_value
from morpheus.cache.policies import ABSENT_TTL_S, CachePolicy
from morpheus.cache.shadow_verification import Hits, sample
from morpheus.cache.single_flight import run_leased
from morpheus.cache.store import (
    ALL,
    cache_store,
    compress,
    decompress,
    has_write_intent,
    new_version,
)
from morpheus.db.replica import reading_primary
from morpheus.db.transactions import read_as
from morpheus.tracing.request_trace import Lookup, current_trace

Value = TypeVar("Value")
Tags = Callable[[Any], Sequence[str]]

_NONE = orjson.dumps(None)
# Payloads of absent values: None, and a page without rows.
_ABSENT = frozenset({_NONE, orjson.dumps([])})


@dataclass(slots=True)
class BatchRead:
    """A read of values of one policy, for one reader.

    Attributes:
        tags: Returns the tags that the value of an identity depends on.
        load: Returns the values of identities from the database; it omits absent ones.
        reader_id: The user that private values belong to; None for public ones.
    """

    policy: CachePolicy
    tags: Tags
    load: Callable[[list[Any]], Any]
    reader_id: int | None

    def read_database(self, identities: list[Any]) -> dict[Any, Any]:
        """Return the value of each identity from the database."""
        values = self.bypass(identities)
        # With the types that the cache would return.
        plain = orjson.loads(orjson.dumps([values.get(identity) for identity in identities]))
        return dict(zip(identities, plain, strict=True))

    def bypass(self, identities: list[Any]) -> Any:
        """Return what `load` returns: the values, or one query's rows that stand for them."""
        self._record("bypass", identities)
        current_dependencies().is_complete = False
        return read_as(self.reader_id, lambda: self.load(identities))

    def read_cache(self, identities: list[Any]) -> dict[Any, Any]:
        """Return the value of each identity from the cache; load and fill the missing ones.

        Raises:
            RedisUnavailable: Nothing was loaded yet.
        """
        dependencies = current_dependencies()
        stored = cache_store().fetch([self._key(identity) for identity in identities])
        payloads, missing = {}, []
        for identity, value in zip(identities, stored, strict=True):
            if value is None:
                missing.append(identity)
            else:
                versions, payloads[identity] = value
                dependencies.add(versions)
        self._record("hit", [*payloads])  # A copy, because fills are added below.
        if payloads and not self.policy.may_drift:
            sample(lambda: self._hits({**payloads}))
        dependencies.hits += len(payloads)
        dependencies.misses += len(missing)
        if missing:
            payloads |= self._fill(missing)
        dependencies.includes_absence |= not _ABSENT.isdisjoint(payloads.values())
        return {identity: orjson.loads(decompress(payloads[identity])) for identity in identities}

    def _fill(self, missing: list[Any]) -> dict[Any, bytes]:
        """Load missing values and fill the cache, under versions that are read before loading."""
        dependencies = current_dependencies()
        tags = {identity: (*self.tags(identity), ALL) for identity in missing}
        new = new_version()
        versions = cache_store().read_versions(
            list(dict.fromkeys(tag for each in tags.values() for tag in each)), new
        )
        if any(has_write_intent(version) for version in versions.values()):
            # A writer is about to commit: the loaded values may be stale in a moment.
            self._record("write_intent", missing)
            dependencies.is_complete = False
            return self._load(missing, is_filled=False)
        dependencies.add(versions)
        keys = [self._key(identity) for identity in missing]

        def load_and_fill() -> dict[Any, bytes]:
            # Another flight may have landed since our fetch.
            landed = cache_store().fetch(keys)
            if None not in landed:
                return {key: each[1] for key, each in zip(missing, landed, strict=True) if each}
            payloads = self._load(missing)
            self._store(payloads, {key: {tag: versions[tag] for tag in tags[key]} for key in tags})
            created = {tag for tag, version in versions.items() if version == new}
            self._shorten_tags_of_absence(payloads, created, new)
            self._record("miss", missing)
            return payloads

        payloads, was_shared = cache_store().flights.run(
            (*keys, *versions.items()),
            self._leased(keys, missing, load_and_fill),
            # Waiting threads must not empty the pool for the thread that loads.
            before_waiting=connection.close,
        )
        if was_shared:
            self._record("joined", missing)
        return payloads

    def _leased(
        self, keys: list[str], missing: list[Any], work: Callable[[], dict[Any, bytes]]
    ) -> Callable[[], dict[Any, bytes]]:
        """Return `work`, under a lease if it computes one value of a policy that has leases."""
        lease_s = self.policy.lease_s
        if not lease_s or len(missing) != 1:
            return work
        [key], [identity] = keys, missing
        return lambda: {identity: run_leased(cache_store(), key, lease_s, lambda: work()[identity])}

    def _store(self, payloads: Mapping[Any, bytes], versions: Mapping[Any, dict[str, str]]) -> None:
        policy, store = self.policy, cache_store()
        absent = {key for key, payload in payloads.items() if payload in _ABSENT}
        uncached = {key for key in absent if payloads[key] == _NONE and not policy.caches_none}
        for keys, ttl_s in (
            (payloads.keys() - absent, policy.ttl_s),
            (absent - uncached, min(ABSENT_TTL_S, policy.ttl_s)),
        ):
            store.fill(
                {
                    self._key(key): (versions[key], compress(payloads[key]))
                    for key in keys
                    if len(payloads[key]) <= policy.max_bytes
                },
                ttl_s,
            )
        if uncached:
            # Reading the versions created some; they would stay in Redis for a day.
            store.invalidate([tag for key in uncached for tag in self.tags(key)])

    def _shorten_tags_of_absence(
        self, payloads: Mapping[Any, bytes], created: set[str], version: str
    ) -> None:
        """Let tags that were created for absent values alone expire with those."""
        used = {
            tag
            for identity, payload in payloads.items()
            if payload not in _ABSENT
            for tag in self.tags(identity)
        }
        if self.policy.caches_none and (unused := created - used - {ALL}):
            cache_store().shorten_ttl([*unused], version, ABSENT_TTL_S)

    def _load(self, identities: list[Any], *, is_filled: bool = True) -> dict[Any, bytes]:
        start = time.perf_counter()
        trace = current_trace()
        database_s_before = trace.seconds if trace else 0.0
        # The replica has everything from before the request, but perhaps not what was committed
        # between then and the reading of the versions.
        with reading_primary() if is_filled else nullcontext(), loading_cached_value():
            values = read_as(self.reader_id, lambda: self.load(identities))
        database_s = trace.seconds - database_s_before if trace else 0.0
        name = self.policy.name
        metrics.loads.labels(name).inc(len(identities))
        metrics.load_seconds.labels(name).inc(time.perf_counter() - start)
        metrics.load_database_seconds.labels(name).inc(database_s)
        return {identity: orjson.dumps(values.get(identity)) for identity in identities}

    def _hits(self, payloads: Mapping[Any, bytes]) -> Hits:
        def compute() -> dict[str, bytes]:
            loaded = self._load([*payloads])
            return {self._key(each): compress(payload) for each, payload in loaded.items()}

        by_key = {self._key(each): payload for each, payload in payloads.items()}
        return Hits(self.policy, by_key, compute)

    def _record(self, outcome: str, identities: Collection[Any]) -> None:
        metrics.count_lookups(self.policy, outcome, len(identities))
        if (trace := current_trace()) is not None:
            trace.add_lookup(
                Lookup(self.policy.name, outcome, identities, self.reader_id, self.tags)
            )

    def _key(self, identity: Hashable) -> str:
        return self.policy.key(identity, self.reader_id)


def read_from_database(
    policy: CachePolicy,
    identities: list[Any],
    *,
    tags: Tags,
    load: Callable[[], Value],
    reader_id: int | None,
) -> Value:
    """Return the result of `load`, which stands for the values of the identities.

    While the cache is not usable, one query for all parts of a value replaces one for each.
    """
    read = BatchRead(policy, tags, lambda _: load(), reader_id)
    return cast(Value, read.bypass(identities))
