"""CORS: every response has the headers of its own origin, and a preflight reaches nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from morpheus.serving.cross_origin import CrossOrigin, cors_headers
from tests.serving import REPOSITORY
from tests.visitor import Visitor

NOVELS = "/api/v1/novels/"
OURS, ALSO_OURS = "https://app.example.org", "http://localhost:5173"
FOREIGN = "https://evil.example"


@pytest.fixture(autouse=True)
def two_origins(settings: Any) -> Iterator[None]:
    import_module("morpheus.wsgi")  # Without origins, so that the tests add the layer themselves.
    settings.CORS_ALLOWED_ORIGINS = [OURS, ALSO_OURS]
    cors_headers.cache_clear()
    yield
    cors_headers.cache_clear()


@pytest.fixture
def cross(visitor: Visitor) -> Visitor:
    """A client of a server that allows two origins."""
    visitor.application = CrossOrigin(visitor.application)
    return visitor


def read_allowed_origin(response: Any) -> Any:
    return {name.lower(): text for name, text in response.headers.items()}.get(
        "access-control-allow-origin"
    )


def assert_varies(response: Any) -> None:
    names = [name.strip() for name in response.headers["Vary"].split(",")]
    assert "Origin" in names
    assert len(names) == len({*names})


@pytest.mark.django_db(transaction=True)
def test_each_origin_gets_its_own_headers_also_from_the_response_cache(
    cross: Visitor, make_novels: Any
) -> None:
    make_novels(1)
    responses = {}
    for origin in (OURS, ALSO_OURS, FOREIGN, "", "null", "https://app.example.org.evil.example"):
        for was_cached in (False, True) if origin == OURS else (True,):
            response = cross.get(NOVELS, HTTP_ORIGIN=origin)
            assert (response.status, response.was_cached) == (200, was_cached)
            assert_varies(response)
            responses[origin, was_cached] = read_allowed_origin(response)

    assert {each for each in responses.items() if each[1]} == {
        ((OURS, False), OURS),
        ((OURS, True), OURS),
        ((ALSO_OURS, True), ALSO_OURS),
    }


@pytest.mark.django_db(transaction=True)
def test_304s_and_problems_have_the_headers(cross: Visitor, make_novels: Any) -> None:
    make_novels(1)
    etag = cross.get(NOVELS, HTTP_ORIGIN=OURS).headers["ETag"]
    cases = {
        304: cross.get(NOVELS, HTTP_ORIGIN=OURS, HTTP_IF_NONE_MATCH=etag),
        400: cross.get(f"{NOVELS}?surprise=1", HTTP_ORIGIN=OURS),
        404: cross.get("/api/v1/nothing/", HTTP_ORIGIN=OURS),
        401: cross.get("/api/v1/users/me/", HTTP_ORIGIN=OURS),
    }

    for status, response in cases.items():
        assert (response.status, read_allowed_origin(response)) == (status, OURS)
        assert "request-id" in response.headers["access-control-expose-headers"].lower()
        assert_varies(response)
    foreign = cross.get(NOVELS, HTTP_ORIGIN=FOREIGN, HTTP_IF_NONE_MATCH=etag)
    assert (foreign.status, read_allowed_origin(foreign)) == (304, None)


def call(application: Any, **environ: str) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    environment = {"REQUEST_METHOD": "GET", "PATH_INFO": NOVELS} | environ
    body = b"".join(application(environment, lambda *begin: started.append(begin)))
    [(status, headers)] = started
    return status, headers, body


@pytest.mark.parametrize("origin", [OURS, FOREIGN, ""])
def test_a_preflight_reaches_nothing(origin: str) -> None:
    reached: list[Any] = []

    def reach(environ: Any, start_response: Any) -> list[bytes]:
        reached.append(environ)
        return []

    application = CrossOrigin(reach)
    status, headers, body = call(
        application,
        REQUEST_METHOD="OPTIONS",
        HTTP_ORIGIN=origin,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="PATCH",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization,if-match",
    )

    named = {name.lower(): text for name, text in headers}
    assert (status, body, reached) == ("204 No Content", b"", [])
    assert named.get("access-control-allow-origin") == (OURS if origin == OURS else None)
    assert named["vary"].startswith("Origin") and named["x-request-id"] and named["server-timing"]
    if origin == OURS:
        assert "PATCH" in named["access-control-allow-methods"]
        for name in ("authorization", "if-match", "idempotency-key", "x-csrftoken"):
            assert name in named["access-control-allow-headers"]
        assert named["access-control-max-age"] == "7200"
        assert "access-control-allow-credentials" not in named


def test_credentials_are_allowed_by_a_setting_and_never_for_every_origin(settings: Any) -> None:
    settings.CORS_ALLOW_CREDENTIALS = True
    cors_headers.cache_clear()

    headers = dict(cors_headers(OURS, "GET"))

    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-origin"] == OURS
    assert cors_headers(FOREIGN, "GET") == ()


def test_a_response_that_varies_says_so_once_and_is_not_changed_itself() -> None:
    stored = [("Vary", "Authorization, Cookie"), ("ETag", '"x"')]

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", stored)
        return [b""]

    for _ in range(2):
        _, headers, _ = call(CrossOrigin(application), HTTP_ORIGIN=OURS)

    assert [text for name, text in headers if name == "Vary"] == ["Authorization, Cookie, Origin"]
    assert stored == [("Vary", "Authorization, Cookie"), ("ETag", '"x"')]


def test_other_paths_are_as_without_it() -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    _, headers, _ = call(CrossOrigin(application), PATH_INFO="/admin/", HTTP_ORIGIN=OURS)

    assert headers == []


@pytest.mark.parametrize(("origins", "expected"), [("", "ResponseCache"), (OURS, "CrossOrigin")])
def test_a_server_without_origins_has_no_such_layer(origins: str, expected: str) -> None:
    """So it costs such a server nothing."""
    code = "from morpheus.wsgi import application; print(type(application.application).__name__)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "morpheus.settings",
            "MORPHEUS_CORS_ORIGINS": origins,
            "MORPHEUS_PIN": "off",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == expected
