"""The site of nginx in front of two instances of `manage.py serve`."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.http.request_bodies import FORM_BYTES
from tests.serving import REPOSITORY, environment, wait_until

from .conftest import PASSWORD
from .nginx import SITE, Instance, Nginx, free_port


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `collectstatic` filled."""
    folder = tmp_path_factory.mktemp("static")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=REPOSITORY,
        env=environment(folder / "var", MORPHEUS_STATIC=str(folder)),
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def instances(services: EmbeddedServices, static: Path) -> Iterator[list[Instance]]:
    """Two instances, with the settings that the site names."""
    behind_nginx = environment(
        services.var,
        MORPHEUS_HTTPS="on",
        MORPHEUS_BEHIND_PROXY="on",
        MORPHEUS_TRUSTED_PROXIES="1",
        MORPHEUS_METRICS_TOKEN="a token for scraping",
        MORPHEUS_CACHE="on",
        MORPHEUS_DRAIN_S="0",
        MORPHEUS_STATIC=str(static),
    )
    started = [Instance(behind_nginx, services.var / f"web{number}.log") for number in (1, 2)]
    yield started
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def nginx(
    instances: list[Instance], static: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("nginx")
    own = shutil.copytree(static, folder / "static")
    nginx = Nginx(folder, [each.port for each in instances], own)
    yield nginx
    nginx.stop()


def test_pages_come_over_https_and_plain_http_leads_there(nginx: Nginx) -> None:
    response = nginx.get("/api/v1/docs/")
    assert response.status == 200 and response.headers["Strict-Transport-Security"]

    with closing(http.client.HTTPConnection("127.0.0.1", nginx.plain_port, timeout=10)) as plain:
        plain.request("GET", "/api/v1/novels/?page_size=2", headers={"Host": "localhost"})
        redirect = plain.getresponse()

    assert redirect.status == 301
    assert redirect.headers["Location"] == "https://localhost/api/v1/novels/?page_size=2"


def test_links_have_the_scheme_and_host_of_the_client(nginx: Nginx) -> None:
    page = nginx.get("/api/v1/novels/?page_size=1", Host=f"localhost:{nginx.port}")

    assert page.json["next"].startswith(f"https://localhost:{nginx.port}/api/v1/novels/")


def test_both_instances_serve_and_one_is_enough(nginx: Nginx, instances: list[Instance]) -> None:
    assert {nginx.get("/api/v1/novels/").status for _ in range(8)} == {200}
    wait_until(lambda: all("GET /novels/" in each.log.read_text() for each in instances))

    instances[0].stop()
    try:
        assert {nginx.get("/api/v1/novels/").status for _ in range(8)} == {200}
    finally:
        instances[0].start()


def test_probes_and_metrics_are_not_for_the_outside(nginx: Nginx) -> None:
    assert [nginx.get(path).status for path in ("/healthz", "/readyz", "/metrics")] == [
        200,
        404,
        404,
    ]


def test_static_files_come_from_nginx_and_browsers_keep_them(nginx: Nginx) -> None:
    page = nginx.get("/api/v1/docs/").body.decode()
    names = re.findall(r'"(/static/[^"]+\.(?:js|css))"', page)
    (nginx.static / "only-nginx-has-it.css").write_text("a {}")
    assert names and nginx.get("/static/only-nginx-has-it.css").status == 200

    for name in names:
        response = nginx.get(name, **{"Accept-Encoding": "gzip"})
        assert response.status == 200 and response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_static_file_of_another_version_comes_from_an_instance(nginx: Nginx) -> None:
    [favicon] = nginx.static.glob("morpheus/favicon.*.svg")
    favicon.unlink()

    assert nginx.get(f"/static/morpheus/{favicon.name}").status == 200


def picture_path(nginx: Nginx) -> str:
    """Return the path of a public thumbnail, with its version."""
    comic = nginx.get("/api/v1/comics/?page_size=1").json["results"][0]
    return str(comic["thumbnail_url"]).removeprefix("https://localhost")


def test_a_picture_of_a_public_comic_is_cached_for_all(nginx: Nginx) -> None:
    path = picture_path(nginx)
    first = nginx.get(path)
    second = nginx.get(path, Cookie="a=b", Authorization="Bearer wrong")

    assert [each.headers["X-Cache-Status"] for each in (first, second)] == ["MISS", "HIT"]
    assert first.body == second.body and "immutable" in second.headers["Cache-Control"]


@pytest.mark.parametrize("version", ["", "&v=0123456789abcdef"])
def test_a_picture_that_may_change_is_not_cached(nginx: Nginx, version: str) -> None:
    path = re.sub("&v=.*", version, picture_path(nginx))

    for _ in range(2):
        response = nginx.get(path)
        assert response.headers["X-Cache-Status"] == "MISS" and response.status == 200


def test_a_picture_of_a_private_comic_is_not_cached(
    nginx: Nginx, postgres: psycopg.Connection
) -> None:
    row = postgres.execute(
        "SELECT c.id, u.email FROM comics_comic c JOIN users_user u ON u.id = c.owner_id"
        " WHERE NOT c.is_public AND EXISTS (SELECT FROM comics_panel WHERE comic_id = c.id) LIMIT 1"
    ).fetchone()
    assert row
    login = json.dumps({"email": row[1], "password": PASSWORD})
    response = nginx.send(
        "POST", "/api/v1/auth/token/", login, **{"Content-Type": "application/json"}
    )
    owner = {"Authorization": f"Bearer {response.json['token']}"}
    url = nginx.get(f"/api/v1/comics/{row[0]}/", **owner).json["thumbnail_url"]
    path = url.removeprefix("https://localhost")

    assert [nginx.get(path, **owner).status for _ in range(2)] == [200, 200]
    assert nginx.get(path).status == 404


class Echo(BaseHTTPRequestHandler):
    """Responds with the headers that it received, and counts requests."""

    received: list[dict[str, str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.received.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def before_echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx in front of a server that records requests."""
    folder = tmp_path_factory.mktemp("nginx")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        nginx = Nginx(folder, [server.server_port], folder)
        yield nginx
        nginx.stop()
        server.shutdown()


def test_an_instance_learns_the_address_of_the_client_whatever_the_client_says(
    before_echo: Nginx,
) -> None:
    before_echo.get(
        "/", **{"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http", "X-Request-ID": "abc"}
    )

    headers = Echo.received[-1]
    assert headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https" and headers["x-request-id"] == "abc"


def test_an_instance_gets_a_request_when_its_body_is_complete(before_echo: Nginx) -> None:
    before = len(Echo.received)
    with closing(before_echo.connect()) as client:
        client.putrequest("POST", "/api/v1/novels/")
        client.putheader("Content-Length", "200000")
        client.endheaders(b"x" * 100_000)
        time.sleep(0.5)
        assert len(Echo.received) == before

        client.send(b"x" * 100_000)
        assert client.getresponse().status == 200 and len(Echo.received) == before + 1


def test_the_largest_upload_passes_and_a_larger_body_is_refused_in_the_form_of_the_api(
    before_echo: Nginx,
) -> None:
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", (SITE / "morpheus.conf").read_text())
    largest = settings.MORPHEUS_MAX_UPLOAD_BYTES + FORM_BYTES
    assert largest <= int(megabytes) * 1024 * 1024 < 2 * largest
    assert before_echo.send("POST", "/api/v1/novels/", b"x" * largest).status == 200

    response = before_echo.send(
        "POST", "/api/v1/novels/", b"x" * (int(megabytes) * 1024 * 1024 + 1)
    )

    assert response.status == response.json["status"] == 413
    assert response.headers["Content-Type"] == "application/problem+json"


def test_without_any_instance_the_response_has_the_form_of_the_api(
    tmp_path: Path, before_echo: Nginx
) -> None:
    nginx = Nginx(tmp_path, [free_port(), free_port()], tmp_path, ready=503)
    response = nginx.get("/api/v1/novels/")
    nginx.stop()

    assert response.status == response.json["status"] == 503
    assert response.headers["Retry-After"] == "2"
