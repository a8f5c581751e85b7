"""A Morpheus that has served requests for a while, its operator, and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices
from tests.browser.browser import Browser
from tests.serving import REPOSITORY, Server, environment, prepare, wait_until

SIZES = {"novels": 600, "chapters-per-novel": 3, "words-per-chapter": 60}
SIZES |= {"comics": 300, "panels": 900, "users": 20}
EMAIL = "operator@example.org"
PASSWORD = "correct horse battery staple"

# More requests than the dashboard needs to compare a route with its budget, and fewer than the
# limit of writes in a minute.
ROUNDS = 110


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    var = tmp_path_factory.mktemp("browser") / "var"
    with EmbeddedServices(var, durable=False) as services:
        prepare(var, f"--password={PASSWORD}", *(f"--{name}={n}" for name, n in SIZES.items()))
        yield services
    clean(var)


@pytest.fixture(scope="session")
def server(services: EmbeddedServices) -> Iterator[Server]:
    """A server with its cache, after some traffic."""
    served = environment(services.var, MORPHEUS_CACHE="on", MORPHEUS_SLOW_QUERY_MS="2")
    operator = [sys.executable, "manage.py", "operator", "--quiet", f"--email={EMAIL}"]
    subprocess.run(operator, cwd=REPOSITORY, env=served, check=True)
    server = Server(served, services.var / "server.log")
    try:
        _send_traffic(server, services)
        yield server
    finally:
        server.stop()


def _send_traffic(server: Server, services: EmbeddedServices) -> None:
    """Read and write, so that every page of the dashboard has something to show."""
    with psycopg.connect(services.addresses.database_url("postgres")) as postgres:
        [(email,)] = postgres.execute("SELECT email FROM users_user ORDER BY id LIMIT 1")
    member = server.login(email, PASSWORD)
    novels = [row["id"] for row in server.get("/novels/").json["results"]]
    comics = [row["id"] for row in server.get("/comics/").json["results"]]
    for number in range(ROUNDS):
        for path in (
            "/novels/",
            f"/novels/{novels[number % len(novels)]}/",
            f"/novels/{novels[number % len(novels)]}/chapters/",
            f"/comics/{comics[number % len(comics)]}/panels/",
            f"/search/?q={'the' if number % 2 else 'and'}",
        ):
            assert server.get(path).status == 200
        assert member.get("/users/me/dashboard/").status == 200
        response = member.send(
            "POST", "/comics/", {"title": f"Comic {number}", "visibility": "private"}
        )
        assert response.status == 201, response.body
    with psycopg.connect(services.addresses.database_url("postgres")) as postgres:
        for rows in ("perf_slowquery WHERE plan IS NOT NULL", "perf_metricssample"):
            count = f"SELECT count(*) FROM {rows}"  # noqa: S608 - constants
            wait_until(lambda: (postgres.execute(count).fetchone() or (0,)) > (0,))  # noqa: B023


@pytest.fixture(scope="session")
def password(server: Server, services: EmbeddedServices) -> str:
    """The operator's password."""
    return (services.var / "operator-login").read_text().splitlines()[1]


@pytest.fixture(scope="session")
def site(server: Server) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Folder for the pictures of the pages; Git ignores it."""
    return REPOSITORY / "var" / "browser"


@pytest.fixture(scope="session")
def logged_in_browser(site: str, password: str) -> Iterator[Browser]:
    """A browser in which the operator has logged in."""
    browser = Browser()
    try:
        browser.get(f"{site}/admin/")
        browser.type("#id_username", EMAIL)
        browser.type("#id_password", password)
        with browser.new_page():
            browser.click("input[type=submit]")
        yield browser
    finally:
        browser.quit()
