"""The response cache: which responses it stores and sends, and for which requests."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import orjson
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from pytest_django import Settings

from morpheus.cache import response_keys
from morpheus.cache.dependencies import DEPENDENCIES, record_dependencies
from morpheus.cache.policies import ABSENT_TTL_S
from morpheus.cache.response_cache import ResponseCache
from morpheus.cache.response_keys import MAX_OTHER_HOSTS
from morpheus.cache.store import cache_store

ETAG = '"abc"'
PUBLIC = {"Cache-Control": "public, no-cache", "ETag": ETAG}
LONG = "All work and no play makes Jack a dull boy. " * 100


class Site:
    """A WSGI application whose responses depend on one cached value, and which counts them."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.handled = 0
        self.respond: Callable[[Any], HttpResponse] = lambda value: HttpResponse(
            f"{value}", headers=PUBLIC
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.handled += 1
        with record_dependencies() as record:
            response = self.respond(self.source.read())
        environ[DEPENDENCIES] = record
        headers = [*response.items(), ("X-Request-ID", "slow"), ("Server-Timing", "slow")]
        headers += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        start_response(f"{response.status_code} OK", headers)
        return response


class Response:
    """Status, headers and body of one request."""

    def __init__(self, site: Any, **environ: Any) -> None:
        given = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/v1/things/1/",
            "QUERY_STRING": "",
            "HTTP_HOST": "localhost",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        } | environ
        lane = site if isinstance(site, ResponseCache) else ResponseCache(site)
        self.body = b"".join(lane(given, self.start))

    def start(self, status: str, headers: list[tuple[str, str]], *error: Any) -> None:
        self.status, self.headers = status, dict(headers)


@pytest.fixture
def site(source: Any) -> Site:
    return Site(source)


def test_a_hit_equals_the_response_of_the_application(site: Site) -> None:
    slow, fast = Response(site), Response(site)

    assert site.handled == 1
    assert (fast.status, fast.body) == ("200 OK", slow.body)
    own = {"X-Request-ID", "Server-Timing", "Content-Length"}
    assert {k: v for k, v in fast.headers.items() if k not in own} == {
        k: v for k, v in slow.headers.items() if k not in own
    }
    assert fast.headers["Content-Length"] == str(len(fast.body))
    assert 'cache;desc="hit"' in fast.headers["Server-Timing"]


def test_each_response_has_its_own_request_id(site: Site) -> None:
    Response(site)

    first, second = Response(site), Response(site)
    given = Response(site, HTTP_X_REQUEST_ID="from-the-proxy")
    harmful = Response(site, HTTP_X_REQUEST_ID="a\r\nb")

    assert len({answer.headers["X-Request-ID"] for answer in (first, second, harmful)}) == 3
    assert given.headers["X-Request-ID"] == "from-the-proxy"


def test_a_write_invalidates_the_response(site: Site) -> None:
    Response(site)

    site.source.write("new")

    assert [Response(site).body, Response(site).body] == [b"new", b"new"]
    assert site.handled == 2


class Slow:
    """A site whose first response waits after its read until it is released."""

    def __init__(self, site: Site, **headers: str) -> None:
        self.site, self.has_read, self.go = site, Event(), Event()
        site.respond = self.respond
        self.headers = PUBLIC | headers
        self.lane = ResponseCache(site)

    def respond(self, value: str) -> HttpResponse:
        if not self.has_read.is_set():
            self.has_read.set()
            assert self.go.wait(10)
        return HttpResponse(value, headers=self.headers)

    def ask_together(self, others: int, *, first: Callable[[], None] = lambda: None) -> list[bytes]:
        """Have others ask while the first one waits; let it go when they all do."""
        with ThreadPoolExecutor(others + 1) as threads:
            asked = [threads.submit(Response, self.lane)]
            assert self.has_read.wait(10)
            first()
            asked += [threads.submit(Response, self.lane) for _ in range(others)]
            time.sleep(0.1)  # For all that they could have done instead of waiting.
            self.go.set()
            return [future.result(10).body for future in asked]


def test_of_simultaneous_misses_one_reaches_the_application(site: Site) -> None:
    slow = Slow(site)

    bodies = slow.ask_together(8)

    assert site.handled == 1
    assert len(set(bodies)) == 1


def test_a_request_after_a_write_gets_no_response_from_before_it(site: Site) -> None:
    slow = Slow(site)

    first, *others = slow.ask_together(3, first=lambda: site.source.write("new"))

    assert first != b"new"
    assert others == [b"new"] * 3


def test_without_a_cached_response_each_request_reaches_the_application(site: Site) -> None:
    slow = Slow(site, **{"Cache-Control": "private"})

    slow.ask_together(3)

    assert site.handled == 4


@pytest.mark.parametrize("given", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_a_client_with_the_current_response_gets_304(site: Site, given: Any) -> None:
    Response(site)

    answer = Response(site, HTTP_IF_NONE_MATCH=given)

    assert site.handled == 1
    assert (answer.status, answer.body) == ("304 Not Modified", b"")
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Cache-Control"] == PUBLIC["Cache-Control"]
    assert "Content-Length" not in answer.headers


def test_a_client_with_another_response_gets_this_one(site: Site) -> None:
    Response(site)

    assert Response(site, HTTP_IF_NONE_MATCH='"other"').body == b"old"


@pytest.fixture
def long_site(site: Site) -> Site:
    """Its response is worth compressing and may be compressed."""
    site.source.value = LONG
    site.respond = lambda value: HttpResponse(value, headers=PUBLIC | {"Vary": "Accept-Encoding"})
    return site


@pytest.mark.parametrize("given", ["gzip", "br, GZIP", "gzip, deflate, br, zstd"])
def test_a_client_that_accepts_gzip_gets_a_long_response_compressed(
    long_site: Site, given: Any
) -> None:
    slow = Response(long_site)

    fast = Response(long_site, HTTP_ACCEPT_ENCODING=given)

    assert long_site.handled == 1
    assert fast.headers["Content-Encoding"] == "gzip"
    assert fast.headers["Content-Length"] == str(len(fast.body))
    assert len(fast.body) < len(slow.body) / 2
    assert gzip.decompress(fast.body) == slow.body == LONG.encode()
    # The strong one stands for other bytes.
    assert (slow.headers["ETag"], fast.headers["ETag"]) == (ETAG, f"W/{ETAG}")


@pytest.mark.parametrize("given", ["", "identity", "br", "gzip;q=0", "gzipped", "*;q=0, deflate"])
def test_everybody_else_gets_it_as_it_was(long_site: Site, given: Any) -> None:
    slow = Response(long_site)

    fast = Response(long_site, HTTP_ACCEPT_ENCODING=given)

    assert long_site.handled == 1
    assert fast.body == slow.body
    own = {"X-Request-ID", "Server-Timing", "Content-Length"}
    assert {k: v for k, v in fast.headers.items() if k not in own} == {
        k: v for k, v in slow.headers.items() if k not in own
    }


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}"])
def test_the_etag_of_either_encoding_of_a_long_response_matches(long_site: Site, tag: str) -> None:
    Response(long_site)

    for coding in ("gzip", "identity"):
        answer = Response(long_site, HTTP_IF_NONE_MATCH=tag, HTTP_ACCEPT_ENCODING=coding)
        assert (answer.status, answer.body) == ("304 Not Modified", b"")
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_what_does_not_vary_by_it_is_not_compressed(long_site: Site) -> None:
    long_site.respond = lambda value: HttpResponse(value, headers=PUBLIC)
    Response(long_site)

    fast = Response(long_site, HTTP_ACCEPT_ENCODING="gzip")

    assert long_site.handled == 1
    assert "Content-Encoding" not in fast.headers and fast.body == LONG.encode()


@pytest.mark.parametrize(
    "private_request",
    [
        {"HTTP_AUTHORIZATION": "Bearer secret"},
        {"HTTP_COOKIE": "theme=dark; sessionid=secret"},
        {"HTTP_RANGE": "bytes=0-1"},
        {"HTTP_IF_MATCH": '"other"'},
        {"HTTP_IF_UNMODIFIED_SINCE": "Sat, 01 Jan 2000 00:00:00 GMT"},
        {"HTTP_ACCEPT": "text/html"},
        {"HTTP_HOST": ""},
        {"HTTP_HOST": "x" * 2000},
        {"HTTP_ACCEPT": "text/html,image/webp"},
        {"CONTENT_LENGTH": "5"},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "POST"},
        {"PATH_INFO": "/admin/"},
        {"QUERY_STRING": "q=" + "x" * 2000},
        {"QUERY_STRING": "q=" + "%78" * 700},
        {"PATH_INFO": "/api/v1/things/01/"},
        {"PATH_INFO": "/api/v1/things/0000000000000001/"},
    ],
)
def test_a_request_that_may_have_its_own_response_reaches_the_application(
    site: Site, private_request: Any
) -> None:
    Response(site, **private_request)
    Response(site)

    Response(site, **private_request)

    assert site.handled == 3


@pytest.mark.parametrize(
    "other",
    [
        {"PATH_INFO": "/api/v1/things/2/"},
        {"QUERY_STRING": "page_size=5"},
        {"HTTP_HOST": "example.org"},
        {"wsgi.url_scheme": "https"},
        # Bytes that are no UTF-8 arrive like this.
        {"PATH_INFO": "/api/v1/things/\xff/"},
        {"QUERY_STRING": "q=\xff"},
        {"QUERY_STRING": "q=%FF"},
        {"QUERY_STRING": "q=A"},
        {"QUERY_STRING": "a=b%26c=d"},
        {"QUERY_STRING": "author"},
        {"HTTP_HOST": "LOCALHOST"},
        {"HTTP_HOST": "localhost:81"},
    ],
)
def test_everything_that_a_response_depends_on_is_in_its_key(site: Site, other: Any) -> None:
    Response(site)
    Response(site, **other)
    Response(site)
    Response(site, **other)

    assert site.handled == 2


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("a=1&b=2", ["b=2&a=1", "%61=1&b=%32", "&&b=2&&a=1&", "a=%31&b=2"]),
        ("a=", ["a", "%61", "&a="]),
        ("a=x+y", ["a=x%20y", "a=%78+%79"]),
        ("a=%C3%A9", ["a=%c3%a9", "a=\xc3\xa9"]),
        ("a=%FE", ["a=%FF", "a=%fe"]),
        ("a=b=c", ["a=b%3Dc", "a=b%3dc"]),
        ("", ["&", "&&&"]),
    ],
)
def test_all_spellings_of_a_query_string_share_an_entry(
    site: Site, first: str, others: Any
) -> None:
    Response(site, QUERY_STRING=first)

    for other in others:
        Response(site, QUERY_STRING=other)

    assert site.handled == 1


def test_both_forms_of_a_path_share_an_entry(site: Site) -> None:
    Response(site)
    Response(site, PATH_INFO="/api/v1/things/1")

    assert site.handled == 1


def _picture(value: Any) -> HttpResponse:
    return HttpResponse(value, headers=PUBLIC, content_type="image/jpeg")


def test_a_picture_has_one_entry_for_all_accept_headers(site: Site) -> None:
    site.respond = _picture

    for accept in ("image/webp,*/*;q=0.8", "image/png", "*/*", "image/" + "x" * 5000):
        assert Response(site, HTTP_ACCEPT=accept).body == b"old"

    assert site.handled == 1


def test_a_request_for_a_picture_neither_gets_nor_makes_another_kind_of_entry(site: Site) -> None:
    for accept in ("image/png", "*/*", "image/png", "*/*"):
        Response(site, HTTP_ACCEPT=accept)

    # The first one is not kept, the second is, and the third does not take it.
    assert site.handled == 3


def test_the_header_of_a_proxy_counts_only_behind_one(site: Site, settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    Response(site)
    for scheme in ("https", "http", "x" * 2000, "\xff"):
        Response(site, HTTP_X_FORWARDED_PROTO=scheme)
    assert site.handled == 1

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for scheme in ("https", " https , http", "http", "x" * 2000, ""):
        Response(site, HTTP_X_FORWARDED_PROTO=scheme)
    # One for each scheme; all but the first two are plain HTTP, which was kept above.
    assert site.handled == 2


def test_of_invented_hosts_a_process_keeps_a_few(site: Site, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://novels.example:9443"]
    lane = ResponseCache(site)
    Response(lane, HTTP_HOST="localhost:8001")
    for port in range(20_000, 20_100):
        Response(lane, HTTP_HOST=f"localhost:{port}")
    before = site.handled

    for port in range(20_000, 20_100):
        Response(lane, HTTP_HOST=f"localhost:{port}")
    assert before == 101
    assert site.handled - before == 100 - (MAX_OTHER_HOSTS - 1)

    # The usual ones, and one that was there first, are kept all the same.
    site.handled = 0
    for host in ("localhost", "localhost:8000", "novels.example:9443", "localhost:8001"):
        for _ in range(2):
            Response(lane, HTTP_HOST=host, SERVER_PORT="8000")
    assert site.handled == 3


def test_an_invented_host_makes_room_when_it_is_not_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = ResponseCache(site)
    for port in range(20_000, 20_000 + MAX_OTHER_HOSTS):
        Response(lane, HTTP_HOST=f"localhost:{port}")
    Response(lane, HTTP_HOST="localhost:8001")
    site.handled = 0

    monkeypatch.setattr(response_keys, "monotonic", lambda: time.monotonic() + 1000)
    for _ in range(2):
        Response(lane, HTTP_HOST="localhost:8001")

    assert site.handled == 1


def test_a_host_that_is_refused_takes_no_place(site: Site) -> None:
    lane = ResponseCache(site)
    site.respond = lambda value: HttpResponse("bad host", status=400)
    for number in range(2 * MAX_OTHER_HOSTS):
        Response(lane, HTTP_HOST=f"evil{number}.example")
    site.respond = lambda value: HttpResponse(value, headers=PUBLIC)
    site.handled = 0

    for _ in range(2):
        Response(lane, HTTP_HOST="localhost:8001")

    assert site.handled == 1


def test_a_cookie_that_names_no_session_changes_nothing(site: Site) -> None:
    Response(site)
    Response(site, HTTP_COOKIE="theme=dark; csrftoken=abc")

    assert site.handled == 1


def _with_cookie(value: Any) -> HttpResponse:
    response = HttpResponse(value, headers=PUBLIC)
    response.set_cookie("csrftoken", "secret")
    return response


@pytest.mark.parametrize(
    "respond",
    [
        lambda value: HttpResponse(value, headers={"Cache-Control": "private, no-cache"}),
        lambda value: HttpResponse(value),
        lambda value: HttpResponse(value, headers=PUBLIC, status=404),
        lambda value: StreamingHttpResponse([b"old"], headers=PUBLIC),
        _with_cookie,
    ],
    ids=["private", "silent", "not 200", "streaming", "sets a cookie"],
)
def test_a_private_response_is_not_cached(site: Site, respond: Any) -> None:
    site.respond = respond

    assert Response(site).body == Response(site).body == b"old"
    assert site.handled == 2


def test_a_response_with_a_bypass_is_not_cached(site: Site) -> None:
    cache_store().set_write_intents(["thing:1"], "writer")
    Response(site)
    cache_store().invalidate(["thing:1"], "writer")

    Response(site)

    assert site.handled == 2


@pytest.mark.parametrize(("value", "is_short"), [("old", False), ([], True), (None, True)])
def test_a_response_with_an_absent_value_expires_with_it(
    site: Site, value: Any, is_short: bool
) -> None:
    site.source.value = value

    Response(site)
    Response(site)

    assert site.handled == 1
    [keys] = cache_store().client.run(lambda prefix: [("KEYS", f"{prefix}responses:*")])
    [left_s] = cache_store().client.run(lambda prefix: [("TTL", key) for key in keys])
    assert (0 < left_s <= ABSENT_TTL_S) == is_short


def test_a_response_without_tags_is_not_cached(site: Site) -> None:
    site.source.read = lambda: "from nowhere"
    Response(site)

    Response(site)

    assert site.handled == 2


def test_the_switch_turns_it_off(site: Site, settings: Settings) -> None:
    Response(site)
    settings.MORPHEUS_CACHE = False

    Response(site)

    assert site.handled == 2


def test_responses_are_stored_in_the_format_of_their_version(long_site: Site) -> None:
    """A server of the version before reads what this one keeps, unless the version is raised."""
    Response(long_site)

    key = 'responses:v5:["http","localhost","/api/v1/things/1/",""]'
    [entry] = cache_store().fetch([key])
    assert entry is not None
    versions, payload = entry
    head, _, body = payload.partition(b"\n")
    assert orjson.loads(head) == [
        None,  # The route.
        [
            ["Cache-Control", "public, no-cache"],
            ["Content-Type", "text/html; charset=utf-8"],
            ["ETag", ETAG],
            ["Vary", "Accept-Encoding"],
            ["Content-Encoding", "gzip"],
        ],
    ]
    assert gzip.decompress(body) == LONG.encode()
    assert versions.keys() == {"thing:1", "all"}
