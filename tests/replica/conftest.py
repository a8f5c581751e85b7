"""One pair of servers and one Morpheus over it, with a few novels and comics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morpheus.embedded.clean import clean
from tests.serving import Client, Server, environment, prepare

from .pair import Pair

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("replica") / "var")
    try:
        pair.start_primary()
        sizes = {"novels": 60, "chapters-per-novel": 2, "words-per-chapter": 40}
        sizes |= {"comics": 60, "panels": 120, "users": 5}
        options = [f"--{name}={value}" for name, value in sizes.items()]
        prepare(pair.var, f"--password={PASSWORD}", *options)
        pair.make_replica()
        yield pair
    finally:
        pair.stop()
        clean(pair.var)


def reading_replica(pair: Pair, url: str, log: Path) -> Server:
    reading = {"DATABASE_REPLICA_URL": url, "DJANGO_SETTINGS_MODULE": "tests.impatient_settings"}
    return Server(environment(pair.var, **reading), log)


@pytest.fixture(scope="session")
def running(pair: Pair) -> Iterator[Server]:
    server = reading_replica(pair, pair.replica_url(), pair.var / "server.log")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clients(pair: Pair, running: Server) -> list[Client]:
    """Two users, logged in."""
    emails = pair.on_primary("SELECT email FROM users_user ORDER BY id LIMIT 2")
    return [running.login(email, PASSWORD) for (email,) in emails]


@pytest.fixture
def server(pair: Pair, running: Server) -> Server:
    """Morpheus, reading the replica at the moment."""
    pair.resume()
    running.until_replica_is_used()
    return running


@pytest.fixture
def writer(clients: list[Client]) -> Client:
    return clients[0]


@pytest.fixture
def other(clients: list[Client]) -> Client:
    return clients[1]
