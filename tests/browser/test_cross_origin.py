"""A page of another origin uses the API in Chromium, as far as the server allows it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.browser.browser import Browser
from tests.browser.conftest import PASSWORD
from tests.serving import Server, environment

# Sends a request and returns what the page may see of the response.
FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(async response => done({
    status: response.status,
    etag: response.headers.get("ETag"),
    id: response.headers.get("X-Request-ID"),
    location: response.headers.get("Location"),
    link: response.headers.get("Link"),
    body: await response.json().catch(() => null),
})).catch(error => done({refused: String(error)}));
"""


class Page(http.server.BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>App</title>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def origin() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def origins() -> Iterator[tuple[str, str]]:
    """An origin that the server allows, and another one."""
    with origin() as allowed, origin() as refused:
        yield allowed, refused


@pytest.fixture(scope="module")
def api(services: EmbeddedServices, origins: tuple[str, str]) -> Iterator[Server]:
    served = environment(
        services.var,
        MORPHEUS_CACHE="on",
        MORPHEUS_CORS_ORIGINS=origins[0],
        MORPHEUS_CORS_CREDENTIALS="on",
        CSRF_TRUSTED_ORIGINS=origins[0],
    )
    server = Server(served, services.var / "cross-origin.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def credentials(services: EmbeddedServices) -> dict[str, str]:
    with psycopg.connect(services.addresses.database_url("postgres")) as postgres:
        [(email,)] = postgres.execute("SELECT email FROM users_user ORDER BY id LIMIT 1")
    return {"email": email, "password": PASSWORD}


@pytest.fixture
def fetch(browser: Browser, api: Server, origins: tuple[str, str]) -> Any:
    """Send a request from a page of the allowed origin, or of another one."""

    def send(
        path: str, method: str = "GET", body: Any = None, *, page: int = 0, **more: Any
    ) -> Any:
        if not browser.current_url.startswith(origins[page]):
            browser.get(origins[page])
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= more.pop("headers", {})
        options = {"method": method, "headers": headers, **more}
        if body is not None:
            options["body"] = json.dumps(body)
        return browser.execute_async_script(
            FETCH, f"http://localhost:{api.port}/api/v1{path}", options
        )

    return send


def test_a_page_reads_a_response_and_its_headers_also_from_the_cache(fetch: Any) -> None:
    for _ in range(3):
        response = fetch("/novels/?page_size=1", cache="no-store")
        assert response["status"] == 200 and response["body"]["results"]
        assert response["etag"] and response["id"] and 'rel="next"' in response["link"]


def test_a_page_of_another_origin_reads_nothing(fetch: Any) -> None:
    fetch("/novels/")

    for path in ("/novels/", "/nothing/", "/novels/?surprise=1"):
        assert "Failed to fetch" in fetch(path, page=1)["refused"]
    # A preflight that is refused: the request itself is never sent.
    assert "refused" in fetch("/comics/", "POST", {"title": "No"}, page=1)


def test_a_page_reads_problems(fetch: Any) -> None:
    problem = fetch("/novels/?surprise=1")

    assert (problem["status"], problem["body"]["code"]) == (400, "invalid_parameters")
    assert problem["body"]["request_id"] == problem["id"]


def test_a_page_writes_with_a_token(fetch: Any, credentials: dict[str, str]) -> None:
    token = fetch("/auth/token/", "POST", credentials)["body"]["token"]
    bearer = {"Authorization": f"Bearer {token}"}

    keyed = {"headers": bearer | {"Idempotency-Key": "from-a-browser"}}
    created = [fetch("/comics/", "POST", {"title": "Cross"}, **keyed) for _ in range(2)]
    path = created[0]["location"].partition("/api/v1")[2]
    read = fetch(path, headers=bearer)
    changed = fetch(path, "PATCH", {"title": "New"}, headers=bearer | {"If-Match": read["etag"]})
    stale = fetch(path, "PATCH", {"title": "Old"}, headers=bearer | {"If-Match": read["etag"]})

    assert [each["status"] for each in created] == [201, 201]
    assert created[0]["body"] == created[1]["body"]
    assert (changed["status"], stale["status"]) == (200, 412)
    assert changed["etag"] != read["etag"]
    assert fetch(path, "DELETE", headers=bearer)["status"] == 204


def test_a_page_writes_with_a_session(
    fetch: Any, browser: Browser, credentials: dict[str, str]
) -> None:
    with_cookies = {"credentials": "include"}
    login = fetch("/auth/login/", "POST", credentials, **with_cookies)
    # Both pages are on one host, so the page can read this cookie (docs/auth.md).
    cookie = browser.execute_script("return document.cookie")
    csrf = {"X-CSRFToken": dict(part.split("=") for part in cookie.split("; "))["csrftoken"]}

    assert login["status"] == 200
    assert fetch("/users/me/", **with_cookies)["body"]["email"] == credentials["email"]
    assert fetch("/users/me/")["status"] == 401
    without = fetch("/comics/", "POST", {"title": "S"}, **with_cookies)
    assert (without["status"], without["body"]["code"]) == (403, "csrf_failed")
    created = fetch("/comics/", "POST", {"title": "S"}, headers=csrf, **with_cookies)
    assert created["status"] == 201
    assert fetch("/auth/logout/", "POST", {}, headers=csrf, **with_cookies)["status"] == 204
    assert fetch("/users/me/", **with_cookies)["status"] == 401
