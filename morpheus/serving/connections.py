"""Close connections that clients hold without using them (Linux only).

granian does not tell which connection a request came by, and has no time limit for a body. The
kernel knows enough: the peer's address, and the time of the last packets.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Literal, NamedTuple

Direction = Literal["in", "out"]

# A response that moves less than this in `SAMPLE_S` waits for its client.
_STALLED_BYTES = 32 * 1024
SAMPLE_S = 1.0
# Possible difference between the clocks of the kernel and of a transfer.
TOLERANCE_S = 2.0

# `struct tcp_info` of Linux 4.2 and later: offsets in bytes.
_UNACKED, _LAST_SENT_MS, _LAST_RECEIVED_MS, _BYTES_ACKED, _NOTSENT = 24, 44, 52, 120, 144
_INFO_BYTES = 192


class _Traffic(NamedTuple):
    """What the kernel knows about a connection.

    Attributes:
        silent_s: Seconds since this server last sent something, or since it accepted.
        has_request: Whether the client has sent something since then.
        is_sending: Whether unacknowledged or unsent bytes wait for the client.
    """

    silent_s: float
    has_request: bool
    acked_bytes: int
    is_sending: bool


def close_connections(direction: Direction, peer: str, age_s: float, *, all_silent: bool) -> int:
    """Shut down the connections from `peer` that may carry a transfer; return how many.

    For an incoming body: connections on which the client has sent a request, and this server has
    sent nothing since the body began, `age_s` ago. An ordinary request that takes as long is among
    them. Only the receiving side is shut, so the client still gets a response. For an outgoing one:
    connections whose client takes less than `_STALLED_BYTES` in `SAMPLE_S`.

    Args:
        all_silent: Close idle connections, too. After `100 Continue` a connection looks idle.

    Does nothing on other systems than Linux: those need a proxy that reads whole requests.
    """
    if sys.platform != "linux":
        return 0
    with _copy_accepted() as accepted:
        connections = [each for each in accepted if _peer(each) == peer]
        if direction == "in":
            stuck = [
                each
                for each in connections
                if (now := _traffic(each)).silent_s >= age_s - TOLERANCE_S
                and (now.has_request or all_silent)
            ]
            return sum(_shut(each, socket.SHUT_RD) for each in stuck)
        before = [(each, then) for each in connections if (then := _traffic(each)).is_sending]
        time.sleep(SAMPLE_S)
        stuck = [
            each
            for each, then in before
            if (now := _traffic(each)).is_sending
            and now.acked_bytes - then.acked_bytes < _STALLED_BYTES
        ]
        return sum(_shut(each, socket.SHUT_RDWR) for each in stuck)


def close_crowds(capacity: int) -> int:
    """Close silent connections of clients that hold many, if half of `capacity` is used.

    A client keeps a quarter of the capacity, and every connection with traffic within
    `TOLERANCE_S`. So one client with silent connections cannot keep others out until granian's
    time limit for a request head.

    Returns:
        How many were closed.
    """
    if sys.platform != "linux" or len(os.listdir("/proc/self/fd")) < capacity // 2:
        return 0
    closed = 0
    with _copy_accepted() as connections:
        by_peer: dict[str, list[socket.socket]] = {}
        for each in connections:
            by_peer.setdefault(_peer(each), []).append(each)
        for crowd in by_peer.values():
            surplus = len(crowd) - capacity // 4
            if surplus > 0:
                silent = islice(filter(_is_silent, crowd), surplus)
                closed += sum(_shut(each, socket.SHUT_RDWR) for each in silent)
    return closed


def _is_silent(each: socket.socket) -> bool:
    traffic = _traffic(each)
    return traffic.silent_s > TOLERANCE_S and not traffic.is_sending


@contextmanager
def _copy_accepted() -> Iterator[list[socket.socket]]:
    """Yield copies of the connections that this process has accepted."""
    copies = list(_sockets())
    try:
        ports = {each.getsockname()[1] for each in copies if _listens(each)}
        yield [each for each in copies if each.getsockname()[1] in ports and _peer(each)]
    finally:
        for each in copies:
            each.close()


def _sockets() -> Iterator[socket.socket]:
    """Yield a copy of each TCP socket of this process; a copy's descriptor cannot be reused."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            copy = os.dup(int(name))
            try:
                copied = socket.socket(fileno=copy)
            except OSError:  # Not a socket.
                os.close(copy)
                continue
            if copied.type == socket.SOCK_STREAM and copied.family != socket.AF_UNIX:
                yield copied
            else:
                copied.close()


def _listens(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _peer(each: socket.socket) -> str:
    """Return the address of the other end, empty if there is none."""
    try:
        return str(each.getpeername()[0])
    except OSError:  # A listening or closed socket.
        return ""


def _traffic(each: socket.socket) -> _Traffic:
    info = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    (unacked,) = struct.unpack_from("=I", info, _UNACKED)
    (sent_ms,) = struct.unpack_from("=I", info, _LAST_SENT_MS)
    (received_ms,) = struct.unpack_from("=I", info, _LAST_RECEIVED_MS)
    (acked,) = struct.unpack_from("=Q", info, _BYTES_ACKED)
    (notsent,) = struct.unpack_from("=I", info, _NOTSENT)
    return _Traffic(sent_ms / 1000, received_ms <= sent_ms, acked, bool(unacked or notsent))


def _shut(each: socket.socket, how: int) -> bool:
    try:
        each.shutdown(how)
    except OSError:
        return False
    return True
