"""For every request, the response cache sends the response that Django alone would send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.conftest import PASSWORD
from tests.factories import secret_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_request_id")]

# Everything that could change a response, or looks as if it did.
ODD: dict[str, list[str]] = {
    "REQUEST_METHOD": ["HEAD", "OPTIONS", "TRACE", "get"],
    "HTTP_AUTHORIZATION": ["", " ", "Bearer", "Bearer x", "bearer x y", "Basic YTpi", "\xff"],
    "HTTP_COOKIE": ["", "theme=dark", "csrftoken=a", "sessionid", "sessionid=", "sessionid=x"],
    # Empty is also what granian makes of bytes that are no ASCII.
    "HTTP_ACCEPT": [
        "",
        "*/*",
        "application/json",
        "text/html",
        "image/png",
        "image/",
        "*",
        "\xff",
        ",",
    ],
    "HTTP_ACCEPT_LANGUAGE": ["de", "*", "\xff"],
    "HTTP_ACCEPT_ENCODING": ["gzip", "br, gzip", "gzip;q=0", "identity;q=0", "\xff"],
    "HTTP_ACCEPT_CHARSET": ["utf-16"],
    "HTTP_RANGE": ["bytes=0-3", "bytes=-1", "lines=1"],
    "HTTP_IF_RANGE": ['"x"'],
    "HTTP_IF_NONE_MATCH": ["*", '"x"', "x", '"', 'W/"x", "y"', "\xff"],
    "HTTP_IF_MATCH": ["*", '"x"'],
    "HTTP_IF_MODIFIED_SINCE": ["Sat, 01 Jan 2000 00:00:00 GMT", "x"],
    "HTTP_IF_UNMODIFIED_SINCE": ["Sat, 01 Jan 2000 00:00:00 GMT"],
    "HTTP_HOST": ["localhost", "localhost:81", "TESTSERVER", "evil.example", "", "a b", "\xff"],
    "HTTP_X_FORWARDED_HOST": ["evil.example"],
    "HTTP_X_FORWARDED_PORT": ["81"],
    "HTTP_X_FORWARDED_PROTO": ["https", "http", "https,http", "HTTPS", "\xff"],
    "HTTP_X_FORWARDED_FOR": ["10.0.0.1"],
    "HTTP_X_FORWARDED_PREFIX": ["/evil"],
    "HTTP_FORWARDED": ["host=evil.example;proto=https"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE"],
    "HTTP_X_ORIGINAL_URL": ["/admin/"],
    "HTTP_X_REQUESTED_WITH": ["XMLHttpRequest"],
    "HTTP_ORIGIN": ["https://evil.example"],
    "HTTP_CACHE_CONTROL": ["no-cache", "only-if-cached"],
    "HTTP_TRANSFER_ENCODING": ["chunked"],
    "HTTP_EXPECT": ["100-continue"],
    "HTTP_UPGRADE": ["h2c"],
    "CONTENT_LENGTH": ["", "0", "3", "-1", "x"],
    "CONTENT_TYPE": ["application/json", "text/plain; charset=utf-16"],
    "SERVER_PORT": ["81"],
    "REMOTE_ADDR": ["10.0.0.2"],
    "wsgi.url_scheme": ["https"],
    "QUERY_STRING": [
        *("page_size=1", "page_size=01", "page_size=%31", "page_size=1&page_size=2", "page_size="),
        *("PAGE_SIZE=1", "%70age_size=1", "page_size=1;q=2", "&&", "?", "=", "%", "%00", "\xff"),
        *(
            "page_size=5&ordering=title",
            "ordering=title&page_size=5",
            "&ordering=%74itle&",
            "author",
        ),
        *(
            "author=\xc3\xa9",
            "author=%C3%A9",
            "author=%20x",
            "author=+x",
            "pagesize=5",
            "author=a=b",
        ),
        *("%FF%FE", "+", "format=json", "format=api", "owner=me", "ordering=title,id", "cursor="),
    ],
    "SCRIPT_NAME": ["/prefix"],
}


@pytest.fixture
def ann(make_user: Callable[..., Any]) -> Any:
    return make_user("ann")


@pytest.fixture
def novel(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], ann: Any
) -> Any:
    """One of a dozen, with a chapter that is worth compressing."""
    make_novels(11, synopsis="Long. " * 30)
    (novel,) = make_novels(1, owner=ann)
    make_chapters(novel, "A whale. " * 300)
    return novel


@pytest.mark.parametrize("rest", ["", "{pk}/chapters/1/"])
def test_an_odd_request_gets_djangos_response_and_changes_no_other_response(
    ask: Callable[..., Any], novel: Any, rest: Any
) -> None:
    path = f"/api/v1/novels/{rest.format(pk=novel.pk)}"
    plain = ask(path, alone=True)
    assert [ask(path), ask(path)] == [plain, plain]

    for name, values in ODD.items():
        for value in values:
            expected = ask(path, alone=True, **{name: value})
            # Beside the cached response, and perhaps from one of its own.
            responses = [ask(path, **{name: value}) for _ in range(2)]
            assert responses == [expected] * 2, (name, value)
            assert ask(path) == plain, (name, value)


def test_a_user_logged_in_by_an_odd_header_gets_djangos_response(
    ask: Callable[..., Any],
    ann: Any,
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
) -> None:
    (private,) = make_novels(1, owner=ann, is_public=False)
    browser = Client()
    assert browser.login(username=ann.email, password=PASSWORD)
    key = browser.cookies["sessionid"].value
    # This comic is public, but only its owner sees its novel.
    body = {"title": "Comic", "novel": private.pk, "visibility": "public"}
    comic = as_user(ann).post("/api/v1/comics/", body).json()["id"]
    token = f"Bearer {secret_of(as_user(ann))}"
    bearer = token.partition(" ")[2]
    cookies = [f"sessionid={key}", f'a=b; sessionid="{key}"', f"a=b;sessionid={key};c=d"]
    cookies += [f" sessionid = {key}", f"sessionid=x; sessionid={key}", f"SESSIONID={key}"]
    tokens = [token, f"bearer {bearer}", f"Bearer  {bearer}", f"{token} ", f"{token}, {token}"]
    asked = [{"HTTP_COOKIE": each} for each in cookies]
    asked += [{"HTTP_AUTHORIZATION": each} for each in tokens]

    for path in (f"comics/{comic}/", f"novels/{private.pk}/", "novels/?owner=me", "users/me/"):
        url = f"/api/v1/{path}"
        nobody = ask(url, alone=True)
        assert [ask(url), ask(url)] == [nobody, nobody]
        answers = []
        for headers in asked:
            expected = ask(url, alone=True, **headers)
            assert [ask(url, **headers) for _ in range(2)] == [expected] * 2, (path, headers)
            assert ask(url) == nobody, (path, headers)
            answers.append(expected)
        assert nobody in answers or 401 in [status for status, *_ in answers]
        assert any(answer != nobody and answer[0] == 200 for answer in answers)
