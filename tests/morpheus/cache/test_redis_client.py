"""The Redis client's comparison of a reply with expected bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morpheus.cache.redis_client import CircuitBreaker, RedisClient, RedisUnavailable, pack
from tests.morpheus.cache.own_server import OwnServer, short_folder

LONG = "x" * 300_000


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with short_folder() as folder:
        server = OwnServer(Path(folder))
        yield server
        server.kill()


@pytest.fixture
def client(server: OwnServer) -> Iterator[RedisClient]:
    client = RedisClient(server.url, timeout_s=1, breaker=CircuitBreaker(cool_down_s=0.01))
    client.run(lambda prefix: [("MSET", "one", "1", "two", "2")])
    yield client
    client.close()


def still_works(client: RedisClient) -> bool:
    return client.run(lambda prefix: [("GET", "one"), ("GET", "two")]) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("expected", "is_equal"),
    [
        (b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", True),
        (b"*2\r\n$1\r\n1\r\n$1\r\n3\r\n", False),
        (b"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n", False),
        (b"$1\r\n1\r\n", False),
        (b"*2\r\n$1\r\n1\r\n$-1\r\n", False),
    ],
    ids=["equal", "another value", "longer", "shorter", "missing value"],
)
def test_a_reply_equals_only_its_own_bytes(
    client: RedisClient, expected: bytes, is_equal: bool
) -> None:
    command = pack("MGET", "one", "two")

    assert client.replies_with(client.prefix, command, expected) is is_equal
    assert still_works(client)


@pytest.mark.parametrize(("sent", "is_equal"), [(LONG, True), (LONG[:-1] + "y", False)])
def test_a_reply_in_many_pieces_is_compared_to_its_end(
    client: RedisClient, sent: str, is_equal: bool
) -> None:
    expected = f"${len(LONG)}\r\n{LONG}\r\n".encode()

    assert client.replies_with(client.prefix, pack("ECHO", sent), expected) is is_equal
    assert still_works(client)


def test_a_command_for_another_server_is_not_sent(client: RedisClient) -> None:
    command = pack("SET", "one", "changed")

    assert client.replies_with("m2:another-run:", command, b"+OK\r\n") is False
    assert still_works(client)


def test_a_refused_command_is_an_error(client: RedisClient) -> None:
    with pytest.raises(RedisUnavailable):
        client.replies_with(client.prefix, pack("LPOP", "one"), b"$-1\r\n")


def test_a_closed_connection_is_opened_again(client: RedisClient, server: OwnServer) -> None:
    server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    assert client.replies_with(client.prefix, pack("GET", "one"), b"$1\r\n1\r\n")
    assert still_works(client)
