"""Django's caches (limits, reference tables) on a server that may be away or stalled."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django_prometheus.cache.backends.redis import RedisCache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from morpheus.cache import metrics
from morpheus.cache.circuit_breaker import CircuitBreaker, circuit_breaker_for

# What a client does without the server.
_LOCAL = frozenset({"close", "connect", "disconnect", "get_client", "make_key", "reverse_key"})

_WRITES = frozenset({"set", "set_many", "add", "incr", "delete", "delete_many", "touch"})


class CircuitBreakerCache(RedisCache):  # type: ignore[misc] # has no types
    """django-redis' cache, but a server that does not answer is asked again only after a rest.

    All caches of a process on one server, `morpheus.cache`'s own included, share one breaker.
    Meanwhile, and on every other failure, it answers like an empty cache (`IGNORE_EXCEPTIONS`):
    also where django-redis raises, as for `touch` and `ttl`.
    """

    _client: Any

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._breaker = circuit_breaker_for(server)
        # Each alias has a logical database of its own; Django tells a backend no more than that.
        self._alias = next(
            (name for name, each in settings.CACHES.items() if each["LOCATION"] == server), server
        )

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = _Guarded(super().client, self._breaker, self._alias)
        return self._client


class _Guarded:
    """A client of django-redis whose operations ask the breaker first, and tell it after.

    They are counted here, because django-prometheus counts `get` alone, of all aliases together.
    """

    def __init__(self, client: Any, breaker: CircuitBreaker, alias: str) -> None:
        self._client = client
        self._breaker = breaker
        self._alias = alias

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name in _LOCAL or not callable(found):
            return found
        guarded = self._guard(found)
        setattr(self, name, guarded)
        return guarded

    def _guard(self, operate: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operate)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not self._breaker.allows():
                raise ConnectionInterrupted(None) from ConnectionError("The breaker is open.")
            try:
                answer = operate(*args, **kwargs)
            except (ConnectionInterrupted, RedisError, OSError) as error:
                self._breaker.record_failure()
                metrics.operations(self._alias, "failed")
                if isinstance(error, ConnectionInterrupted):
                    raise
                raise ConnectionInterrupted(self._client) from error
            except Exception:
                # As of `incr`, that there is no such key: that is an answer, too.
                self._breaker.record_success()
                raise
            self._breaker.record_success()
            self._count(operate.__name__, args, answer)
            return answer

        return guarded

    def _count(self, operation: str, args: tuple[Any, ...], answer: Any) -> None:
        if operation == "get":
            metrics.operations(self._alias, "miss" if answer is None else "hit")
        elif operation == "get_many":
            metrics.operations(self._alias, "hit", len(answer))
            metrics.operations(self._alias, "miss", len([*args[0]]) - len(answer))
        elif operation in _WRITES:
            metrics.operations(self._alias, "write")
