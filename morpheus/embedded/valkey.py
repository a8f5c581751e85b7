"""The embedded Valkey: cache and cached sessions, in memory, kept in a snapshot over restarts."""

from __future__ import annotations

import signal

from .addresses import REDIS_DATABASES, Addresses
from .guard import Service
from .postgres import ENVIRONMENT
from .state import State
from .status import ask_valkey


def service(state: State, addresses: Addresses, *, memory_mb: int, durable: bool) -> Service:
    """Return how the server is run.

    It runs as ourselves: unlike PostgreSQL it does not mind root. When it is full, what was not
    used for longest goes first; nothing in it is the only copy.
    """
    return Service(
        name="valkey",
        command=[
            str(state.valkey_server),
            *("--port", "0"),
            *("--unixsocket", str(addresses.redis_socket), "--unixsocketperm", "700"),
            *("--databases", str(REDIS_DATABASES)),
            *("--maxmemory", f"{memory_mb}mb", "--maxmemory-policy", "allkeys-lru"),
            *("--dir", str(state.valkey_data)),
            # At a stop it writes a snapshot; in between after five minutes with many changes.
            *("--save", "300 1000" if durable else ""),
            # A full disk must not stop a cache.
            *("--stop-writes-on-bgsave-error", "no"),
            # Keeps the socket's path in the command line, by which an orphan is recognised.
            *("--set-proc-title", "no"),
        ],
        log=str(state.log_file("valkey")),
        signals=[signal.SIGTERM],
        patience_s=20,
        environment=ENVIRONMENT,
    )


def answers(addresses: Addresses) -> bool:
    """Tell whether the server has loaded its snapshot and answers."""
    return ask_valkey(addresses, b"PING\r\n").startswith(b"+PONG")
