"""One Morpheus that has worked for a while, an operator of it, and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices
from tests.browser.chromium import Chromium
from tests.serving import REPOSITORY, Server, environment, prepare, wait_until

SIZES = {"novels": 600, "chapters-per-novel": 3, "words-per-chapter": 60}
SIZES |= {"comics": 300, "panels": 900, "users": 20}
EMAIL = "operator@example.org"
PASSWORD = "correct horse battery staple"

# More often than a route has to be asked for to be judged.
ROUNDS = 30


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    var = tmp_path_factory.mktemp("browser") / "var"
    with EmbeddedServices(var, durable=False) as services:
        prepare(var, f"--password={PASSWORD}", *(f"--{name}={n}" for name, n in SIZES.items()))
        yield services
    clean(var)


@pytest.fixture(scope="session")
def server(services: EmbeddedServices) -> Iterator[Server]:
    """A server with its cache, which some visitors have used."""
    served = environment(services.var, MORPHEUS_CACHE="on", MORPHEUS_SLOW_QUERY_MS="2")
    operator = [sys.executable, "manage.py", "operator", "--quiet", f"--email={EMAIL}"]
    subprocess.run(operator, cwd=REPOSITORY, env=served, check=True)
    server = Server(served, services.var / "server.log")
    try:
        _visit(server, services)
        yield server
    finally:
        server.stop()


def _visit(server: Server, services: EmbeddedServices) -> None:
    """Read and write as visitors do, so that every page of the dashboard has something to show."""
    with psycopg.connect(services.addresses.database_url("postgres")) as postgres:
        [(email,)] = postgres.execute("SELECT email FROM users_user ORDER BY id LIMIT 1")
    member = server.login(email, PASSWORD)
    novels = [one["id"] for one in server.get("/novels/").json["results"]]
    comics = [one["id"] for one in server.get("/comics/").json["results"]]
    for at in range(ROUNDS):
        for path in (
            "/novels/",
            f"/novels/{novels[at % len(novels)]}/",
            f"/novels/{novels[at % len(novels)]}/chapters/",
            f"/comics/{comics[at % len(comics)]}/panels/",
            f"/search/?q={'the' if at % 2 else 'and'}",
        ):
            assert server.get(path).status == 200
        assert member.get("/users/me/dashboard/").status == 200
        made = member.send("POST", "/comics/", {"title": f"Comic {at}", "visibility": "private"})
        assert made.status == 201, made.body
    with psycopg.connect(services.addresses.database_url("postgres")) as postgres:
        slow = "SELECT count(*) FROM perf_slowquery WHERE plan IS NOT NULL"
        wait_until(lambda: postgres.execute(slow).fetchone() > (0,))


@pytest.fixture(scope="session")
def password(server: Server, services: EmbeddedServices) -> str:
    """The operator's."""
    return (services.var / "operator-login").read_text().splitlines()[1]


@pytest.fixture(scope="session")
def site(server: Server) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Folder of the pictures that the tests take; they are kept, and not committed."""
    return REPOSITORY / "var" / "browser"


@pytest.fixture(scope="session")
def chromium(site: str, password: str) -> Iterator[Chromium]:
    """A browser in which the operator has logged in."""
    chromium = Chromium()
    try:
        chromium.open(f"{site}/admin/")
        chromium.type("#id_username", EMAIL)
        chromium.type("#id_password", password)
        chromium.click("input[type=submit]")
        yield chromium
    finally:
        chromium.stop()
