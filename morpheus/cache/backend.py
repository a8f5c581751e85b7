"""Django's caches (throttling, reference tables), which survive the loss of their server."""

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

# Methods of django-redis' client that do not call the server.
_LOCAL = frozenset({"close", "connect", "disconnect", "get_client", "make_key", "reverse_key"})

_WRITES = frozenset({"set", "set_many", "add", "incr", "delete", "delete_many", "touch"})


class CircuitBreakerCache(RedisCache):  # type: ignore[misc] # has no types
    """django-redis' cache behind the server's circuit breaker, which `morpheus.cache` shares.

    While the server is unavailable, every operation behaves as on an empty cache
    (`IGNORE_EXCEPTIONS`), even where django-redis raises, as for `touch` and `ttl`.
    """

    _client: Any

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._breaker = circuit_breaker_for(server)
        # Django does not pass the alias. Each alias has its own logical database.
        aliases = {cache["LOCATION"]: alias for alias, cache in settings.CACHES.items()}
        self._alias = aliases.get(server, server)

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = _GuardedClient(super().client, self._breaker, self._alias)
        return self._client


class _GuardedClient:
    """A client of django-redis that obeys the breaker and counts operations by alias.

    django-prometheus counts `get` only, and not by alias.
    """

    def __init__(self, client: Any, breaker: CircuitBreaker, alias: str) -> None:
        self._client = client
        self._breaker = breaker
        self._alias = alias

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name in _LOCAL or not callable(attribute):
            return attribute
        guarded = self._guard(attribute)
        setattr(self, name, guarded)
        return guarded

    def _guard(self, operate: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operate)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not self._breaker.allows():
                raise ConnectionInterrupted(None) from ConnectionError("The breaker is open.")
            try:
                result = operate(*args, **kwargs)
            except (ConnectionInterrupted, RedisError, OSError) as error:
                self._breaker.record_failure()
                metrics.count_operations(self._alias, "failed")
                if isinstance(error, ConnectionInterrupted):
                    raise
                raise ConnectionInterrupted(self._client) from error
            except Exception:
                # The server replied, for example that a key of `incr` does not exist.
                self._breaker.record_success()
                raise
            self._breaker.record_success()
            self._count(operate.__name__, args, result)
            return result

        return guarded

    def _count(self, operation: str, args: tuple[Any, ...], result: Any) -> None:
        if operation == "get":
            metrics.count_operations(self._alias, "miss" if result is None else "hit")
        elif operation == "get_many":
            metrics.count_operations(self._alias, "hit", len(result))
            metrics.count_operations(self._alias, "miss", len([*args[0]]) - len(result))
        elif operation in _WRITES:
            metrics.count_operations(self._alias, "write")
