"""Every header of the API's responses: no way through the middleware adds, loses or changes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from novels.models import Novel
from tests.conftest import PASSWORD
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1/"
NOVELS = f"{API}novels/"

# Headers with another value in each response.
CHANGING = {"Content-Length", "ETag", "Link", "Location", "Server-Timing", "X-Request-ID"}
CHANGING |= {"RateLimit", "RateLimit-Policy"}

ALL = {
    "X-Request-ID": "…",
    "Server-Timing": "…",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# All but 304 and redirects.
POLICY = {"Content-Security-Policy": "default-src 'none'"}
EMPTY = ALL | {"Content-Length": "…", "X-Frame-Options": "DENY"}
WITH_BODY = EMPTY | POLICY
JSON = {"Content-Type": "application/json"}
PROBLEM = {"Content-Type": "application/problem+json"}
ETAG = {"ETag": "…"}
PUBLIC = {"Cache-Control": "public, no-cache", "Vary": "Accept-Encoding, Authorization, Cookie"}
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
OF_LISTS = {"Allow": "GET, POST, HEAD, OPTIONS"}
OF_NOVELS = {"Allow": "GET, PATCH, DELETE, HEAD, OPTIONS"}
CHALLENGE = {"WWW-Authenticate": "Bearer"}
VARY = {"Vary": "Authorization, Cookie"}
# Of writes that a limit counts.
LIMITED = {"RateLimit": "…", "RateLimit-Policy": "…"}
BY_PREFERENCE = {"Vary": "Accept-Encoding, Authorization, Cookie, Prefer"}
PAGE = WITH_BODY | JSON | ETAG | PUBLIC | BY_PREFERENCE | OF_LISTS
NOVEL = WITH_BODY | JSON | ETAG | PUBLIC | OF_NOVELS


def headers(response: Any) -> dict[str, str]:
    """Return the headers and the cookies' names, without values that change."""
    named = {name: "…" if name in CHANGING else text for name, text in response.headers.items()}
    if response.cookies:
        named["Set-Cookie"] = ", ".join(sorted(response.cookies))
    return named


@pytest.fixture
def novel(make_novels: Callable[..., list[Novel]], ann: User) -> Novel:
    (novel,) = make_novels(1, owner=ann)
    return novel


@pytest.fixture
def private(make_novels: Callable[..., list[Novel]], ann: User) -> Novel:
    (novel,) = make_novels(1, owner=ann, is_public=False)
    return novel


@pytest.fixture
def url(novel: Novel) -> str:
    return f"{NOVELS}{novel.pk}/"


@pytest.fixture
def session(ann: User) -> Iterator[APIClient]:
    """A client with a session; the middleware sees the cookie that the server set."""
    client = APIClient()
    credentials = {"email": ann.email, "password": PASSWORD}
    assert client.post(f"{API}auth/login/", credentials).status_code == 200
    yield client


@pytest.mark.parametrize("method", ["get", "head"])
def test_headers_of_a_read(api: APIClient, url: str, method: str) -> None:
    read = getattr(api, method)

    assert headers(read(NOVELS)) == PAGE
    assert headers(read(NOVELS.rstrip("/"))) == PAGE
    assert headers(read(url)) == NOVEL
    status = {"Allow": "GET, HEAD, OPTIONS", "X-Poll-Interval": "60"}
    assert headers(read(f"{url}status/")) == NOVEL | status


def test_headers_of_a_page_with_neighbours(
    api: APIClient, make_novels: Callable[..., list[Novel]]
) -> None:
    make_novels(2)

    assert headers(api.get(f"{NOVELS}?page_size=1")) == PAGE | {"Link": "…"}


@pytest.mark.parametrize("method", ["get", "head"])
def test_headers_of_304(api: APIClient, url: str, method: str) -> None:
    response = getattr(api, method)(url, headers={"If-None-Match": api.get(url)["ETag"]})

    assert response.status_code == 304
    assert headers(response) == ALL | ETAG | PUBLIC


def test_headers_over_https(api: APIClient, url: str, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    hsts = {"Strict-Transport-Security": "max-age=60; includeSubDomains"}

    response = api.get(url, secure=True)

    assert headers(response) == NOVEL | hsts
    unchanged = api.get(url, secure=True, headers={"If-None-Match": response["ETag"]})
    assert headers(unchanged) == ALL | ETAG | PUBLIC | hsts
    assert headers(api.get(url)) == NOVEL


def test_headers_of_the_redirect_to_https(api: APIClient, url: str, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = api.get(f"{url}?page_size=1")

    assert response.status_code == 301
    assert response["Location"] == f"https://testserver{url}?page_size=1"
    assert headers(response) == ALL | {
        "Content-Type": "text/html; charset=utf-8",
        "Location": "…",
    }
    assert api.get(url, secure=True).status_code == 200


def test_headers_of_a_private_read(
    as_user: Callable[..., APIClient], session: APIClient, ann: User, private: Novel
) -> None:
    url = f"{NOVELS}{private.pk}/"

    for client in (as_user(ann), session):
        assert headers(client.get(url)) == WITH_BODY | JSON | ETAG | PRIVATE | OF_NOVELS
        by_preference = {"Vary": "Authorization, Cookie, Prefer"}
        assert headers(client.get(f"{NOVELS}?owner=me")) == PAGE | PRIVATE | by_preference


@pytest.mark.parametrize(
    ("cookie", "answered"),
    [
        ("sessionid=unknown", {"Set-Cookie": "sessionid"}),
        ("csrftoken=malformed", {"Set-Cookie": "csrftoken"}),
        ("theme=dark", {}),
    ],
)
def test_cookies_of_a_read(api: APIClient, url: str, cookie: str, answered: dict[str, str]) -> None:
    assert headers(api.get(url, headers={"Cookie": cookie})) == NOVEL | answered


def test_headers_of_options(api: APIClient, url: str) -> None:
    assert headers(api.options(url)) == WITH_BODY | JSON | OF_NOVELS | VARY


def test_headers_of_refused_reads(api: APIClient, url: str) -> None:
    problem = WITH_BODY | PROBLEM | ETAG | PRIVATE

    cases: list[tuple[Any, int, dict[str, str]]] = [
        (api.get(f"{url}?surprise=1"), 400, problem | OF_NOVELS),
        (
            api.get(f"{NOVELS}?owner=me"),
            401,
            problem | OF_LISTS | CHALLENGE | {"Vary": "Authorization, Cookie, Prefer"},
        ),
        (
            api.get(url, headers={"Authorization": "Bearer unknown"}),
            401,
            problem | OF_NOVELS | CHALLENGE,
        ),
        (api.get(f"{NOVELS}{10**9}/"), 404, problem | OF_NOVELS),
        (api.head(f"{NOVELS}{10**9}/"), 404, problem | OF_NOVELS),
        (api.get(f"{API}users/"), 405, problem | {"Allow": "POST, OPTIONS"}),
        (api.get(url, headers={"Accept": "image/png"}), 406, problem | OF_NOVELS),
    ]
    for response, status, expected in cases:
        assert (response.status_code, headers(response)) == (status, expected)


def test_headers_of_problems_outside_of_views(api: APIClient, url: str) -> None:
    problem = WITH_BODY | PROBLEM

    assert headers(api.get(f"{API}nothing/")) == problem | ETAG
    # These do not reach all middleware.
    foreign = api.get(url, headers={"Host": "evil.example"})
    assert foreign.status_code == 400
    assert headers(foreign) == ALL | POLICY | PROBLEM | ETAG
    chunked = api.post(NOVELS, headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH="")
    assert chunked.status_code == 411
    assert headers(chunked).keys() == {*PROBLEM, *POLICY, "X-Request-ID", "Server-Timing"}


def test_headers_of_writes(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., User],
    ann: User,
    novel: Novel,
    url: str,
) -> None:
    owner, stranger = as_user(ann), as_user(make_user())
    credentials = {"email": ann.email, "password": PASSWORD}
    problem = WITH_BODY | PROBLEM | VARY | LIMITED
    # Authentication comes first, and the method before it.
    unlimited = WITH_BODY | PROBLEM | VARY

    cases: list[tuple[Any, int, dict[str, str]]] = [
        (
            owner.patch(url, {"title": "New"}),
            200,
            WITH_BODY | JSON | ETAG | VARY | LIMITED | OF_NOVELS,
        ),
        (stranger.patch(url, {"title": "New"}), 403, problem | OF_NOVELS),
        (api.patch(url, {"title": "New"}), 401, unlimited | OF_NOVELS | CHALLENGE),
        (owner.put(url, {}), 405, unlimited | OF_NOVELS),
        (
            api.post(f"{API}auth/token/", credentials),
            200,
            WITH_BODY
            | JSON
            | VARY
            | LIMITED
            | {"Allow": "POST, DELETE, OPTIONS", "Cache-Control": "no-store"},
        ),
        (
            api.post(f"{API}auth/login/", credentials),
            200,
            WITH_BODY
            | JSON
            | VARY
            | LIMITED
            | {"Allow": "POST, OPTIONS", "Cache-Control": "no-store"}
            | {"Set-Cookie": "csrftoken, sessionid"},
        ),
        (owner.delete(url), 204, EMPTY | VARY | LIMITED | OF_NOVELS),
    ]
    for response, status, expected in cases:
        assert (response.status_code, headers(response)) == (status, expected)


def test_headers_of_faults(api: APIClient, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[tuple[Exception, int, dict[str, str]]] = [
        (RuntimeError("broken"), 500, WITH_BODY | PROBLEM | ETAG),
        (
            OperationalError("gone"),
            503,
            WITH_BODY | PROBLEM | ETAG | PRIVATE | OF_NOVELS | {"Retry-After": "2"},
        ),
    ]
    api.raise_request_exception = False
    for error, status, expected in errors:

        def fail(*arguments: Any, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr("novels.views.novels.novel_read", fail)
        response = api.get(url)
        assert (response.status_code, headers(response)) == (status, expected)
