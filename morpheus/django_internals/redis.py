"""Private parts of redis-py."""

from __future__ import annotations

import socket
import struct
from typing import Any

from redis.connection import ConnectionPool


class ServerAddress:
    """A server and its logical database, as a URL names them.

    Args:
        url: In any form of redis-py: `redis://`, `rediss://` or `unix://`, with its options.
        timeout_s: Timeout of connecting, and of each wait for the server.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool = ConnectionPool.from_url(  # Only parses the URL.
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            protocol=2,
            retry_on_error=[],
            retry=None,
        )

    def connect(self) -> socket.socket:
        """Return a socket that is authenticated and has the database selected.

        redis-py opens it, because it knows all options of the URL. It has no public way to its
        socket, on which a command costs half as much as by its own connection.

        Raises:
            redis.exceptions.RedisError, OSError: The server is unreachable or refuses.
        """
        # Not `make_connection`: the pool would count it and refuse the hundredth.
        connection: Any = self._pool.connection_class(**self._pool.connection_kwargs)
        connection.connect()
        opened: socket.socket = connection._sock
        # The connection would close its socket when it is collected.
        connection._sock = None
        # Timeouts of the kernel: with Python's, each call would poll the socket first.
        seconds, fraction = divmod(self._timeout_s, 1)
        limit = struct.pack("@ll", int(seconds), int(fraction * 1_000_000))
        opened.settimeout(None)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        return opened
