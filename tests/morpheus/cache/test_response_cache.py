"""The fast lane: what it keeps, for whom, and what it never does."""

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
    """A WSGI application whose answers depend on one cached value, and which counts them."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.answered = 0
        self.respond = lambda value: HttpResponse(f"{value}", headers=PUBLIC)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.answered += 1
        with record_dependencies() as record:
            response = self.respond(self.source.read())
        environ[DEPENDENCIES] = record
        headers = [*response.items(), ("X-Request-ID", "slow"), ("Server-Timing", "slow")]
        headers += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        start_response(f"{response.status_code} OK", headers)
        return response


class Answer:
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


def test_a_kept_answer_is_the_same_without_the_application(site):
    slow, fast = Answer(site), Answer(site)

    assert site.answered == 1
    assert (fast.status, fast.body) == ("200 OK", slow.body)
    own = {"X-Request-ID", "Server-Timing", "Content-Length"}
    assert {k: v for k, v in fast.headers.items() if k not in own} == {
        k: v for k, v in slow.headers.items() if k not in own
    }
    assert fast.headers["Content-Length"] == str(len(fast.body))
    assert 'cache;desc="hit"' in fast.headers["Server-Timing"]


def test_each_answer_has_a_request_id_of_its_own(site):
    Answer(site)

    first, second = Answer(site), Answer(site)
    given = Answer(site, HTTP_X_REQUEST_ID="from-the-proxy")
    harmful = Answer(site, HTTP_X_REQUEST_ID="a\r\nb")

    assert len({answer.headers["X-Request-ID"] for answer in (first, second, harmful)}) == 3
    assert given.headers["X-Request-ID"] == "from-the-proxy"


def test_a_write_ends_the_answer(site):
    Answer(site)

    site.source.write("new")

    assert [Answer(site).body, Answer(site).body] == [b"new", b"new"]
    assert site.answered == 2


class Slow:
    """A site whose first answer waits, once it has read, until it is let go."""

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
            asked = [threads.submit(Answer, self.lane)]
            assert self.has_read.wait(10)
            first()
            asked += [threads.submit(Answer, self.lane) for _ in range(others)]
            time.sleep(0.1)  # For all that they could have done instead of waiting.
            self.go.set()
            return [one.result(10).body for one in asked]


def test_of_many_who_miss_the_same_at_once_one_asks(site):
    slow = Slow(site)

    bodies = slow.ask_together(8)

    assert site.answered == 1
    assert len(set(bodies)) == 1


def test_who_comes_after_a_write_is_not_given_what_was_read_before_it(site):
    slow = Slow(site)

    first, *others = slow.ask_together(3, first=lambda: site.source.write("new"))

    assert first != b"new"
    assert others == [b"new"] * 3


def test_what_is_not_kept_is_everybodys_own_question(site):
    slow = Slow(site, **{"Cache-Control": "private"})

    slow.ask_together(3)

    assert site.answered == 4


@pytest.mark.parametrize("given", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_who_has_the_answer_already_gets_304(site, given):
    Answer(site)

    answer = Answer(site, HTTP_IF_NONE_MATCH=given)

    assert site.answered == 1
    assert (answer.status, answer.body) == ("304 Not Modified", b"")
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Cache-Control"] == PUBLIC["Cache-Control"]
    assert "Content-Length" not in answer.headers


def test_who_has_another_answer_gets_this_one(site):
    Answer(site)

    assert Answer(site, HTTP_IF_NONE_MATCH='"other"').body == b"old"


@pytest.fixture
def long_site(site: Site) -> Site:
    """Its answer is worth compressing, and says that it may be."""
    site.source.value = LONG
    site.respond = lambda value: HttpResponse(value, headers=PUBLIC | {"Vary": "Accept-Encoding"})
    return site


@pytest.mark.parametrize("given", ["gzip", "br, GZIP", "gzip, deflate, br, zstd"])
def test_who_takes_gzip_gets_a_long_answer_compressed(long_site, given):
    slow = Answer(long_site)

    fast = Answer(long_site, HTTP_ACCEPT_ENCODING=given)

    assert long_site.answered == 1
    assert fast.headers["Content-Encoding"] == "gzip"
    assert fast.headers["Content-Length"] == str(len(fast.body))
    assert len(fast.body) < len(slow.body) / 2
    assert gzip.decompress(fast.body) == slow.body == LONG.encode()
    # The strong one stands for other bytes.
    assert (slow.headers["ETag"], fast.headers["ETag"]) == (ETAG, f"W/{ETAG}")


@pytest.mark.parametrize("given", ["", "identity", "br", "gzip;q=0", "gzipped", "*;q=0, deflate"])
def test_everybody_else_gets_it_as_it_was(long_site, given):
    slow = Answer(long_site)

    fast = Answer(long_site, HTTP_ACCEPT_ENCODING=given)

    assert long_site.answered == 1
    assert fast.body == slow.body
    own = {"X-Request-ID", "Server-Timing", "Content-Length"}
    assert {k: v for k, v in fast.headers.items() if k not in own} == {
        k: v for k, v in slow.headers.items() if k not in own
    }


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}"])
def test_either_form_of_a_long_answer_is_known_by_its_tag(long_site, tag):
    Answer(long_site)

    for coding in ("gzip", "identity"):
        answer = Answer(long_site, HTTP_IF_NONE_MATCH=tag, HTTP_ACCEPT_ENCODING=coding)
        assert (answer.status, answer.body) == ("304 Not Modified", b"")
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_what_does_not_vary_by_it_is_not_compressed(long_site):
    long_site.respond = lambda value: HttpResponse(value, headers=PUBLIC)
    Answer(long_site)

    fast = Answer(long_site, HTTP_ACCEPT_ENCODING="gzip")

    assert long_site.answered == 1
    assert "Content-Encoding" not in fast.headers and fast.body == LONG.encode()


@pytest.mark.parametrize(
    "request_of_somebody",
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
def test_who_may_get_an_answer_of_their_own_goes_the_slow_way(site, request_of_somebody):
    Answer(site, **request_of_somebody)
    Answer(site)

    Answer(site, **request_of_somebody)

    assert site.answered == 3


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
def test_what_an_answer_depends_on_is_in_its_key(site, other):
    Answer(site)
    Answer(site, **other)
    Answer(site)
    Answer(site, **other)

    assert site.answered == 2


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
def test_all_spellings_of_a_query_string_share_an_entry(site, first, others):
    Answer(site, QUERY_STRING=first)

    for other in others:
        Answer(site, QUERY_STRING=other)

    assert site.answered == 1


def test_both_forms_of_a_path_share_an_entry(site):
    Answer(site)
    Answer(site, PATH_INFO="/api/v1/things/1")

    assert site.answered == 1


def _picture(value: Any) -> HttpResponse:
    return HttpResponse(value, headers=PUBLIC, content_type="image/jpeg")


def test_a_picture_has_one_entry_for_all_accept_headers(site):
    site.respond = _picture

    for accept in ("image/webp,*/*;q=0.8", "image/png", "*/*", "image/" + "x" * 5000):
        assert Answer(site, HTTP_ACCEPT=accept).body == b"old"

    assert site.answered == 1


def test_a_request_for_a_picture_neither_gets_nor_makes_another_kind_of_entry(site):
    for accept in ("image/png", "*/*", "image/png", "*/*"):
        Answer(site, HTTP_ACCEPT=accept)

    # The first one is not kept, the second is, and the third does not take it.
    assert site.answered == 3


def test_the_header_of_a_proxy_counts_only_behind_one(site, settings):
    settings.SECURE_PROXY_SSL_HEADER = None
    Answer(site)
    for scheme in ("https", "http", "x" * 2000, "\xff"):
        Answer(site, HTTP_X_FORWARDED_PROTO=scheme)
    assert site.answered == 1

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for scheme in ("https", " https , http", "http", "x" * 2000, ""):
        Answer(site, HTTP_X_FORWARDED_PROTO=scheme)
    # One for each scheme; all but the first two are plain HTTP, which was kept above.
    assert site.answered == 2


def test_of_invented_hosts_a_process_keeps_a_few(site, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://novels.example:9443"]
    lane = ResponseCache(site)
    Answer(lane, HTTP_HOST="localhost:8001")
    for port in range(20_000, 20_100):
        Answer(lane, HTTP_HOST=f"localhost:{port}")
    before = site.answered

    for port in range(20_000, 20_100):
        Answer(lane, HTTP_HOST=f"localhost:{port}")
    assert before == 101
    assert site.answered - before == 100 - (MAX_OTHER_HOSTS - 1)

    # The usual ones, and one that was there first, are kept all the same.
    site.answered = 0
    for host in ("localhost", "localhost:8000", "novels.example:9443", "localhost:8001"):
        for _ in range(2):
            Answer(lane, HTTP_HOST=host, SERVER_PORT="8000")
    assert site.answered == 3


def test_an_invented_host_makes_room_when_it_is_not_used(site, monkeypatch):
    lane = ResponseCache(site)
    for port in range(20_000, 20_000 + MAX_OTHER_HOSTS):
        Answer(lane, HTTP_HOST=f"localhost:{port}")
    Answer(lane, HTTP_HOST="localhost:8001")
    site.answered = 0

    monkeypatch.setattr(response_keys, "monotonic", lambda: time.monotonic() + 1000)
    for _ in range(2):
        Answer(lane, HTTP_HOST="localhost:8001")

    assert site.answered == 1


def test_a_host_that_is_refused_takes_no_place(site):
    lane = ResponseCache(site)
    site.respond = lambda value: HttpResponse("bad host", status=400)
    for number in range(2 * MAX_OTHER_HOSTS):
        Answer(lane, HTTP_HOST=f"evil{number}.example")
    site.respond = lambda value: HttpResponse(value, headers=PUBLIC)
    site.answered = 0

    for _ in range(2):
        Answer(lane, HTTP_HOST="localhost:8001")

    assert site.answered == 1


def test_a_cookie_that_names_no_session_changes_nothing(site):
    Answer(site)
    Answer(site, HTTP_COOKIE="theme=dark; csrftoken=abc")

    assert site.answered == 1


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
def test_what_is_not_everybodys_is_not_kept(site, respond):
    site.respond = respond

    assert Answer(site).body == Answer(site).body == b"old"
    assert site.answered == 2


def test_an_answer_that_read_past_the_cache_is_not_kept(site):
    cache_store().set_write_intents(["thing:1"], "writer")
    Answer(site)
    cache_store().invalidate(["thing:1"], "writer")

    Answer(site)

    assert site.answered == 2


@pytest.mark.parametrize(("value", "is_short"), [("old", False), ([], True), (None, True)])
def test_an_answer_made_of_nothing_expires_as_soon_as_that(site, value, is_short):
    site.source.value = value

    Answer(site)
    Answer(site)

    assert site.answered == 1
    [keys] = cache_store().client.run(lambda prefix: [("KEYS", f"{prefix}responses:*")])
    [left_s] = cache_store().client.run(lambda prefix: [("TTL", key) for key in keys])
    assert (0 < left_s <= ABSENT_TTL_S) == is_short


def test_an_answer_under_no_tag_is_not_kept(site):
    site.source.read = lambda: "from nowhere"
    Answer(site)

    Answer(site)

    assert site.answered == 2


def test_the_switch_turns_it_off(site, settings):
    Answer(site)
    settings.MORPHEUS_CACHE = False

    Answer(site)

    assert site.answered == 2


def test_answers_are_kept_in_the_form_of_their_version(long_site):
    """A server of the version before reads what this one keeps, unless the version is raised."""
    Answer(long_site)

    key = 'responses:v3:["http","localhost","/api/v1/things/1/",""]'
    [(versions, payload)] = cache_store().fetch([key])
    head, _, body = payload.partition(b"\n")
    assert orjson.loads(head) == [
        None,  # The route.
        [
            ["Cache-Control", "public, no-cache"],
            ["ETag", ETAG],
            ["Vary", "Accept-Encoding"],
            ["Content-Type", "text/html; charset=utf-8"],
            ["Content-Encoding", "gzip"],
        ],
    ]
    assert gzip.decompress(body) == LONG.encode()
    assert versions.keys() == {"thing:1", "all"}
