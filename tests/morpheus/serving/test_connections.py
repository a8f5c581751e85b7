"""Which connections are closed for a client that does not move; on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from morpheus.serving import connections
from morpheus.serving.connections import close_connections, close_crowds
from morpheus.serving.listening import bind, start_listening

HERE = "127.0.0.1"


def listen(host: str, port: int) -> socket.socket:
    listener = bind(host, port)
    start_listening(listener)
    return listener


class Site:
    """A listening socket, and connections to it with both of their ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._listener = stack.enter_context(listen(HERE, 0))

    def connect(self, sends: bytes = b"") -> tuple[socket.socket, socket.socket]:
        client = self._stack.enter_context(socket.create_connection(self._listener.getsockname()))
        server = self._stack.enter_context(self._listener.accept()[0])
        client.sendall(sends)
        if sends:
            assert server.recv(100) == sends
        client.settimeout(10)
        server.settimeout(10)
        return client, server


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TOLERANCE_S", 0.1)
    monkeypatch.setattr(connections, "SAMPLE_S", 0.3)


def is_open(client: socket.socket, server: socket.socket) -> bool:
    client.sendall(b"more")
    return server.recv(100) == b"more"


def test_the_connection_of_a_stuck_body_is_closed_and_can_still_receive_a_response(
    site: Site,
) -> None:
    _, talking_server = talking = site.connect(b"GET /")
    idle = site.connect()
    stuck, receiver = site.connect(b"POST / with the beginning of a body")
    time.sleep(0.6)
    talking_server.sendall(b"response")

    assert close_connections("in", HERE, 0.5, all_silent=False) >= 1

    assert receiver.recv(100) == b""
    receiver.sendall(b"408")
    assert stuck.recv(100) == b"408"
    assert is_open(*talking)
    # Nothing was sent on it: its client may be about to, or it may be the stuck one.
    assert idle[1].fileno() != -1


def test_a_connection_that_was_told_to_go_on_is_closed_with_the_idle_ones(site: Site) -> None:
    _, receiver = site.connect(b"POST / Expect: 100-continue")
    time.sleep(0.1)
    receiver.sendall(b"100 Continue")
    time.sleep(0.6)

    assert close_connections("in", HERE, 0.5, all_silent=False) == 0
    assert close_connections("in", HERE, 0.5, all_silent=True) == 1
    assert receiver.recv(100) == b""


def test_connections_of_other_clients_stay(site: Site) -> None:
    pair = site.connect(b"POST /")
    time.sleep(0.6)

    assert close_connections("in", "127.0.0.2", 0.5, all_silent=True) == 0
    assert is_open(*pair)


def test_a_client_that_does_not_read_is_closed_and_one_that_reads_is_not(site: Site) -> None:
    deaf, to_deaf = site.connect()
    reader, to_reader = site.connect()
    for server in (to_deaf, to_reader):
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                server.send(b"x" * 65536)

    # The kernel goes on sending its buffers while the reader reads.
    done = threading.Event()

    def read_on() -> None:
        while not done.wait(0.02):
            reader.recv(64 * 1024)

    reading = threading.Thread(target=read_on)
    reading.start()
    time.sleep(0.3)
    assert close_connections("out", HERE, 0.5, all_silent=False) == 1

    done.set()
    reading.join()

    with pytest.raises(OSError):
        to_deaf.send(b"x")


def test_a_crowd_of_silent_connections_is_thinned_out(site: Site) -> None:
    crowd = [site.connect() for _ in range(40)]
    time.sleep(0.3)
    talking = site.connect(b"GET /")
    talking[1].sendall(b"response")

    assert close_crowds(capacity=10_000) == 0
    assert close_crowds(capacity=100) == 41 - 25

    assert len(list_closed(crowd)) == 41 - 25
    assert is_open(*talking)


def list_closed(pairs: list[tuple[socket.socket, socket.socket]]) -> list[socket.socket]:
    """Return the server's ends that can be read: their connection is closed."""
    sockets = []
    for _, server in pairs:
        server.setblocking(False)
        try:
            server.recv(1)
        except BlockingIOError:
            continue
        sockets.append(server)
    return sockets


def test_a_port_is_free_at_once_after_its_server_has_closed_connections() -> None:
    listener = listen(HERE, 0)
    address = listener.getsockname()
    with socket.create_connection(address) as client:
        server, _ = listener.accept()
        server.close()  # First, so that the kernel remembers the connection on this side.
        assert client.recv(1) == b""
    listener.close()

    listen(*address).close()


def test_a_port_belongs_to_the_server_that_listens_on_it() -> None:
    with listen(HERE, 0) as listener, pytest.raises(OSError, match="in use"):
        listen(*listener.getsockname())
