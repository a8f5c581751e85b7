"""The embedded Valkey (or Redis): cache and cached sessions, with a snapshot for restarts."""

from __future__ import annotations

import re
import signal
import socket

from .addresses import REDIS_DATABASES, Addresses
from .guard import Service
from .paths import ServicePaths
from .postgres import ENVIRONMENT

# Beyond it Valkey evicts the least recently used keys; nothing in it is the only copy.
MEMORY = "256mb"


def build_service(paths: ServicePaths, addresses: Addresses, *, durable: bool) -> Service:
    """Return how the guard runs the server: as this process' user, which may be root."""
    return Service(
        name="valkey",
        command=[
            str(paths.valkey_server),
            *("--port", "0"),
            *("--unixsocket", str(addresses.redis_socket), "--unixsocketperm", "700"),
            *("--databases", str(REDIS_DATABASES)),
            *("--maxmemory", MEMORY, "--maxmemory-policy", "allkeys-lru"),
            *("--dir", str(paths.valkey_data)),
            # A snapshot at each stop, and after five minutes with many changes.
            *("--save", "300 1000" if durable else ""),
            # A full disk must not stop a cache.
            *("--stop-writes-on-bgsave-error", "no"),
            # Keeps the socket's path in the command line, which identifies an orphan.
            *("--set-proc-title", "no"),
        ],
        log=paths.log_file("valkey"),
        signals=[signal.SIGTERM],
        patience_s=20,
        environment=ENVIRONMENT,
    )


def read_version(addresses: Addresses) -> str | None:
    """Return the version of a server that has loaded its snapshot, None if there is none."""
    if not send_command(addresses, b"PING\r\n").startswith(b"+PONG"):
        return None
    # Valkey also says which version of Redis it is compatible with.
    versions = re.findall(
        rb"(valkey|redis)_version:(\S+)", send_command(addresses, b"INFO server\r\n")
    )
    name, version = max(versions, default=(b"", b""))
    return f"{name.decode().capitalize()} {version.decode()}" if name else None


def send_command(addresses: Addresses, command: bytes) -> bytes:
    """Send an inline command; return up to 64 kB of the raw response, empty if there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(addresses.redis_socket))
            client.sendall(command)
            return client.recv(65536)
    except OSError:
        return b""
