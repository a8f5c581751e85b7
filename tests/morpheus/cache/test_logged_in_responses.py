"""Logged-in callers get the response that Django alone would send, whatever the cache holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from comics.models import Panel
from novels.models import Genre, Language
from perf.lab.example_catalogue import EXAMPLES
from perf.monitoring.request_traces import sampling
from tests.conftest import as_staff
from tests.morpheus.cache.callers import (
    API,
    Caller,
    Headers,
    end_logins,
    expire_logins,
    set_active,
)
from tests.morpheus.cache.test_response_cache_matches_django import ODD
from users.models import AccountExport

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_request_id")]

# Spellings of `Authorization` and `Cookie`; a secret stands for `{}`.
TOKENS = (
    *("bearer {}", "BEARER {}", "Bearer  {}", "Bearer\t{}", " Bearer {} ", "Bearer {} x"),
    *("Bearer {},", "Bearer {}, Bearer {}", "Bearer", "Bearer ", "Token {}", "{}", "Bearer {}="),
    *("Basic YW5uOngK", "Bearer \xff", "Bearer\x0b{}", "Bearer\xa0{}"),
)
COOKIES = (
    *("theme=dark; sessionid={}", "sessionid={};theme=dark", 'sessionid="{}"', "sessionid=  {}"),
    *("sessionid=x; sessionid={}", "sessionid={}; sessionid=x", "SESSIONID={}", "xsessionid={}"),
    *("sessionid={}; csrftoken=a", "sessionid", "sessionid=", "a, sessionid={}", "a=sessionid={}"),
    *("theme=sessionid; sessionid={}", "sessionid=\\{}", "; sessionid={};", "sessionid={}\xff"),
)


@pytest.fixture
def novels(
    ann: Caller, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> list[Any]:
    """A public novel of ann's, and a private one; each has a chapter worth compressing."""
    in_lists = {"genre": Genre.objects.all()[0], "language": Language.objects.all()[0]}
    novels = []
    for is_public in (True, False):
        novels += make_novels(1, owner=ann.user, is_public=is_public, **in_lists)
        make_chapters(novels[-1], "The whale. " * 300)
    return novels


@pytest.fixture
def comics(ann: Caller, novels: list[Any]) -> list[int]:
    """Comics of ann's with a panel: of a public novel, of a private one, and a private comic."""
    panel = next(sent for sent in EXAMPLES if sent.route == "POST /comics/{comic_id}/panels/")
    ids = []
    public, private = novels
    for novel, visibility in ((public, "public"), (private, "public"), (private, "private")):
        body = {"title": "Comic", "novel": novel.pk, "visibility": visibility}
        ids.append(ann.client.post(f"{API}/comics/", body).json()["id"])
        request = panel.build({"comic_id": ids[-1]}, body={})
        kind = request.headers["Content-Type"]
        response = ann.client.generic("POST", request.path, request.body, kind)  # type: ignore[arg-type] # as Django's
        assert response.status_code == 201, response.content
    return ids


@pytest.fixture
def paths(ann: Caller, novels: list[Any], comics: list[int]) -> list[str]:
    """Every GET of the API that depends on the caller or on tables, for each of the rows."""
    novel = novels[0]
    fixed = {"genre": novel.genre.slug, "language": novel.language.code, "identifier": "x"}
    with as_staff():
        panels = dict(Panel.objects.values_list("comic_id", "pk"))
        export = AccountExport.objects.create(user=ann.user, expires_at=timezone.now())
    rows = [
        {
            **{"user_id": ann.user.pk, "novel_id": novel.pk, "comic_id": comic_id},
            **{"panel_id": panels[comic_id], "number": 1, "export_id": export.pk},
            **fixed,
        }
        for novel in novels
        for comic_id in comics
    ]
    reads = [
        sent for sent in EXAMPLES if sent.is_read and sent.reads_tables or sent.caller == "staff"
    ]
    return list(dict.fromkeys(sent.build(values).path for sent in reads for values in rows))


@pytest.fixture
def bob(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("bob")


@pytest.fixture
def credentials(ann: Caller, bob: Caller, make_caller: Callable[..., Caller]) -> dict[str, Headers]:
    """Valid credentials, ended ones, and two at once."""
    staff = make_caller("staff", is_staff=True)
    expired, ended, inactive = (make_caller(name) for name in ("expired", "ended", "inactive"))
    expire_logins(expired, timezone.now() - timedelta(seconds=1))
    cookie = ended.session
    end_logins(ended)
    set_active(inactive, False)
    callers = {"ann": ann, "bob": bob, "staff": staff, "expired": expired, "inactive": inactive}
    credentials = {f"{name}, token": caller.token for name, caller in callers.items()}
    credentials |= {f"{name}, session": caller.session for name, caller in callers.items()}
    return credentials | {
        "anonymous": {},
        "revoked": ended.token,
        "logged out": cookie,
        "token beside a session": ann.token | bob.session,
        "session beside a token": bob.token | ann.session,
        "session beside a revoked token": ended.token | ann.session,
        "token beside an ended session": ann.token | cookie,
    }


def assert_as_django(ask: Callable[..., Any], path: str, credentials: dict[str, Headers]) -> None:
    """Compare cold and warm responses with Django's, and again beside those to all others."""
    expected = {name: ask(path, alone=True, **headers) for name, headers in credentials.items()}
    for requests in (2, 1):
        for name, headers in credentials.items():
            responses = [ask(path, **headers) for _ in range(requests)]
            assert responses == [expected[name]] * requests, (path, name)


def test_every_credential_gets_djangos_response_of_every_route(
    ask: Callable[..., Any], paths: list[str], credentials: dict[str, Headers]
) -> None:
    for path in paths:
        assert_as_django(ask, path, credentials)


def test_the_document_is_the_same_as_when_it_is_generated(
    ask: Callable[..., Any], ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morpheus.api.openapi.views.SchemaView._documents", {})

    assert_as_django(ask, f"{API}/schema/", {"": {}, "token": ann.token, "session": ann.session})


def test_every_spelling_of_a_credential_gets_djangos_response(
    ask: Callable[..., Any], ann: Caller, bob: Caller, novels: list[Any], comics: list[int]
) -> None:
    asked = {text: {"HTTP_AUTHORIZATION": text.replace("{}", ann.secret)} for text in TOKENS}
    asked |= {f"{text} beside a session": asked[text] | bob.session for text in TOKENS}
    asked |= {text: {"HTTP_COOKIE": text.replace("{}", ann.key)} for text in COOKIES}
    asked["upper case token"] = {"HTTP_AUTHORIZATION": f"Bearer {ann.secret.upper()}"}
    asked["upper case session"] = {"HTTP_COOKIE": f"sessionid={ann.key.upper()}"}
    public, private = (f"novels/{novel.pk}/" for novel in novels)
    for path in (public, private, f"comics/{comics[1]}/", "users/me/", "novels/?owner=me"):
        assert_as_django(ask, f"{API}/{path}", asked)


@pytest.mark.parametrize("kind", ["token", "session"])
def test_an_odd_header_beside_a_credential_gets_djangos_response(
    ask: Callable[..., Any], ann: Caller, novels: list[Any], kind: str
) -> None:
    credential: Headers = getattr(ann, kind)
    public, private = (f"{API}/novels/{novel.pk}/" for novel in novels)
    for path in (public, private, f"{API}/users/me/", f"{API}/novels/"):
        plain = ask(path, alone=True, **credential)
        anonymous = ask(path, alone=True)
        assert [ask(path, **credential), ask(path, **credential)] == [plain, plain]
        for name, values in ODD.items():
            for value in values:
                headers = credential | {name: value}
                if kind == "session" and name == "HTTP_COOKIE":
                    headers = {name: f"{value}; {credential[name]}"}
                expected = ask(path, alone=True, **headers)
                assert [ask(path, **headers) for _ in range(2)] == [expected] * 2, (name, value)
                assert ask(path, **credential) == plain, (name, value)
            assert ask(path) == anonymous, name


@pytest.mark.parametrize("kind", ["token", "session"])
def test_a_logged_in_caller_revalidates_by_etag(
    ask: Callable[..., Any], ann: Caller, paths: list[str], kind: str
) -> None:
    credential: Headers = getattr(ann, kind)
    for path in paths:
        status, headers, _ = ask(path, alone=True, **credential)
        if status != 200 or "ETag" not in headers:
            continue
        for etag in (headers["ETag"], f"W/{headers['ETag']}", f'"x", {headers["ETag"]}'):
            conditional = credential | {"HTTP_IF_NONE_MATCH": etag}
            expected = ask(path, alone=True, **conditional)
            assert [ask(path, **conditional) for _ in range(3)] == [expected] * 3, (path, etag)
            assert expected[0] == 304, path


def test_each_explained_request_of_staff_is_traced(
    ask: Callable[..., Any],
    bob: Caller,
    make_caller: Callable[..., Caller],
    novels: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    staff = make_caller("staff", is_staff=True)
    path = f"{API}/novels/{novels[0].pk}/"
    traced: list[Any] = []
    monkeypatch.setattr(sampling, "enqueue", lambda request, **kind: traced.append(request))

    for headers in (staff.token, staff.session, bob.token, bob.session):
        for _ in range(3):
            ask(path, **headers, HTTP_X_EXPLAIN="1")

    assert [request.user_id for request in traced] == [staff.user.pk] * 6
