"""One Morpheus behind PgBouncer, with a few novels and comics and two users."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import Client, Server, environment, prepare

from .pgbouncer import PgBouncer

PASSWORD = "correct horse battery staple"
SIZES = {"novels": 60, "chapters-per-novel": 2, "words-per-chapter": 40}
SIZES |= {"comics": 60, "panels": 120, "users": 5}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=0, help="of the rolling restart, at least")


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    var = tmp_path_factory.mktemp("ops") / "var"
    with EmbeddedServices(var, durable=False) as services:
        prepare(var, f"--password={PASSWORD}", *(f"--{name}={n}" for name, n in SIZES.items()))
        yield services
    clean(var)


@pytest.fixture(scope="session")
def pgbouncer(services: EmbeddedServices) -> Iterator[PgBouncer]:
    pgbouncer = PgBouncer(services.var)
    pgbouncer.start()
    yield pgbouncer
    pgbouncer.stop()


@pytest.fixture(scope="session")
def behind(pgbouncer: PgBouncer) -> dict[str, str]:
    """The environment of a server behind it."""
    return environment(pgbouncer.var, DATABASE_URL=pgbouncer.url(), MORPHEUS_PGBOUNCER="on")


@pytest.fixture(scope="session")
def server(behind: dict[str, str], pgbouncer: PgBouncer) -> Iterator[Server]:
    server = Server(behind, pgbouncer.var / "server.log")
    yield server
    server.stop()


@pytest.fixture
def postgres(services: EmbeddedServices) -> Iterator[psycopg.Connection]:
    """An administrator's connection, past PgBouncer."""
    url = services.addresses.database_url("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def emails(postgres: psycopg.Connection) -> list[str]:
    rows = postgres.execute("SELECT email FROM users_user ORDER BY id LIMIT 2")
    return [email for (email,) in rows]


@pytest.fixture
def clients(server: Server, emails: list[str]) -> list[Client]:
    """Two users, logged in."""
    return [server.login(email, PASSWORD) for email in emails]
