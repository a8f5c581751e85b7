"""The engine of this process: its server, and whether it may be read now."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from prometheus_client import Counter, Gauge

from morpheus.cache import metrics
from morpheus.cache.circuit_breaker import circuit_breaker_for, circuit_breakers
from morpheus.cache.redis_client import RedisClient, RedisUnavailable
from morpheus.cache.scripts import FETCH, MARK, OUTDATED, RENEW, SHORTEN, VERSIONS, Script
from morpheus.cache.single_flight import SingleFlight

if TYPE_CHECKING:
    from morpheus.cache.outbox_listener import Listener

# Every value depends on it: for changes that are too many to name.
ALL = "all"

# How long readers keep off a tag whose writer died between its mark and the end of its commit, and
# the longest COMMIT after which that death leaves nothing stale.
WRITE_INTENT_S = 5.0

# Longer than values live, so that a tag does not end before what depends on it.
_TAG_S = 24 * 3600


class CacheStore:
    """Values and tags in the server, in terms of the cache."""

    def __init__(self, client: RedisClient) -> None:
        self.client = client
        self.flights: SingleFlight[dict[str, bytes]] = SingleFlight()
        # Until the listener has looked, nobody knows what happened before this process began.
        self._is_trusted = False
        self._distrusted_at = float("-inf")
        self._trusting = threading.Lock()
        self._listener: Listener | None = None
        self._starting = threading.Lock()

    def is_readable(self) -> bool:
        """Tell whether all changes that this process knows of have reached the server."""
        if self._listener is None:
            self._start_listener()
        return self._is_trusted

    @property
    def is_trusted(self) -> bool:
        """Whether `is_readable`; true before the first read, when nobody has looked."""
        return self._is_trusted or self._listener is None

    def fetch(self, keys: Sequence[str]) -> list[tuple[dict[str, str], bytes] | None]:
        """Return versions and payload of each key whose value agrees with its tags."""
        stored = self._ask(FETCH, keys)
        return [None if value is None else _split(value) for value in stored]

    def fetch_stale(self, key: str) -> bytes | None:
        """Return the payload that was kept, whatever became of its tags other than `ALL`."""
        stored = self._ask(OUTDATED, [key], ALL)
        return None if stored is None else _split(stored)[1]

    def read_versions(self, tags: Sequence[str], new: str = "") -> dict[str, str]:
        """Return the version of each tag, or its mark.

        Args:
            new: From `new_version`, for tags without one.
        """
        found = self._ask(VERSIONS, (), new or new_version(), _TAG_S, *tags)
        return {tag: version.decode() for tag, version in zip(tags, found, strict=True)}

    def fill(self, values: Mapping[str, tuple[Mapping[str, str], bytes]], ttl_s: int) -> None:
        """Keep each key's payload under its versions; nothing if the server is out of reach."""
        if not values:
            return
        try:
            self.client.run(
                lambda prefix: [
                    ("SET", prefix + key, _join(versions, payload), "PX", _jittered_ms(ttl_s))
                    for key, (versions, payload) in values.items()
                ]
            )
        except RedisUnavailable:
            self.suspend_reads()

    def shorten_ttl(self, tags: Sequence[str], version: str, ttl_s: int) -> None:
        """Let the tags that have this version expire after `ttl_s`; if the server is in reach.

        A tag that expires early costs misses and nothing else: its next version is another one.
        """
        try:
            self._ask(SHORTEN, (), version, ttl_s, *tags)
        except RedisUnavailable:
            pass  # They expire later.

    def set_write_intents(self, tags: Sequence[str], token: str) -> None:
        """Keep readers off the tags until `renew`, or for `WRITE_INTENT_S`.

        Raises:
            RedisUnavailable: They may be kept off or not.
        """
        self._ask(MARK, (), token, int(WRITE_INTENT_S * 1000), *tags)

    def invalidate(self, tags: Sequence[str], token: str | None = None) -> None:
        """Make worthless what was read of the tags until now; take the mark of `token` away.

        Raises:
            RedisUnavailable: It may have happened or not.
        """
        self._ask(RENEW, (), token or "-", *tags)
        metrics.invalidations(len(tags))

    def suspend_reads(self) -> None:
        """Do not read: a change that this process knows of may not have reached the server."""
        with self._trusting:
            self._distrusted_at = time.monotonic()
            self._is_trusted = False

    def resume_reads(self, looked_at: float) -> None:
        """Read again, if the server answers.

        Args:
            looked_at: When all changes known had reached the server; time.monotonic().
        """
        if self._is_trusted or looked_at <= self._distrusted_at:
            return
        try:
            self.client.run(lambda prefix: [("PING",)])
        except RedisUnavailable:
            return
        with self._trusting:
            self._is_trusted = looked_at > self._distrusted_at

    def _ask(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        try:
            return self.client.script(
                script, lambda prefix: [prefix + key for key in keys], *arguments
            )
        except RedisUnavailable:
            self.suspend_reads()
            raise

    def _start_listener(self) -> None:
        from morpheus.cache.outbox_listener import Listener

        with self._starting:
            if self._listener is None:
                self._listener = Listener(
                    renew=self.invalidate,
                    on_pending=self.suspend_reads,
                    on_drained=self.resume_reads,
                )
                self._listener.start()


@cache
def cache_store() -> CacheStore:
    """Return this process' engine, made of the settings."""
    url = settings.CACHES["values"]["LOCATION"]
    return CacheStore(RedisClient(url, timeout_s=0.25, breaker=circuit_breaker_for(url)))


def new_version() -> str:
    """Return a version that never was before."""
    return secrets.token_hex(6)


def has_write_intent(version: str) -> bool:
    """Tell whether a writer is between its mark and the end of its commit."""
    return version.startswith("!")


def _jittered_ms(ttl_s: int) -> int:
    """Return 80 to 100 % of a lifetime, so that what was filled together does not end together."""
    return int(ttl_s * random.uniform(800, 1000))  # noqa: S311 - no secret


def _join(versions: Mapping[str, str], payload: bytes) -> bytes:
    head = " ".join(f"{tag} {version}" for tag, version in versions.items())
    return head.encode() + b"\n" + payload


def _split(stored: bytes) -> tuple[dict[str, str], bytes]:
    head, _, payload = stored.partition(b"\n")
    words = head.decode().split(" ")
    return dict(zip(words[::2], words[1::2], strict=True)), payload


# A fork has no threads, and must not use its parent's connections.
os.register_at_fork(after_in_child=cache_store.cache_clear)


# With several processes, that of the one which is worst off.
_up = Gauge(
    "morpheus_cache_up",
    "1 while cached values are read: the cache server answered when it was last asked, and "
    "all changes have reached it.",
    multiprocess_mode="livemin",
)
_failures = Counter(
    "morpheus_cache_failures_total",
    "Times that the cache server was out of reach, or refused a command.",
)
_seen = 0


def collect_cache_metrics() -> None:
    """Look at this process; asks no server."""
    global _seen
    known = circuit_breakers()
    # Before the first read of this process nobody has looked; one that only writes never does.
    is_trusted = not cache_store.cache_info().currsize or cache_store().is_trusted
    _up.set(is_trusted and not any(breaker.is_open for breaker in known))
    failures = sum(breaker.failures for breaker in known)
    _failures.inc(max(failures - _seen, 0))
    _seen = failures
