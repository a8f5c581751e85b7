"""How many threads each kind of request may hold."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from morpheus.serving.request_bulkheads import RequestBulkheads
from morpheus.tracing.events import on_requests_finished
from morpheus.tracing.request_trace import FinishedRequest

PATIENCE_S = 20
LOGIN = {"path": "/api/v1/auth/token/", "body": b"x"}
SEARCH = {"path": "/api/v1/search/"}
READ = {"path": "/api/v1/novels/"}


class Response:
    """The response of an application; with a length, or without a body, it is a stream."""

    def __init__(self, length: int | None = None, status_code: int = 200) -> None:
        self.streaming = length is not None or status_code == 304
        self.headers = {} if length is None else {"Content-Length": str(length)}
        self.status_code = status_code

    def __iter__(self) -> Iterator[bytes]:
        yield b"fine"


class Reply:
    """A request and its response; the application handles it until `finish` is set."""

    def __init__(self, client: Client, finish: threading.Event | None = None) -> None:
        self._client = client
        self._finish = finish
        self.handled = threading.Event()
        self.status = ""
        self.headers: dict[str, str] = {}
        self.response: Any = None

    def send(
        self,
        path: str,
        body: bytes = b"",
        length: int | None = None,
        status_code: int = 200,
        **more: Any,
    ) -> Reply:
        environ = {
            "REQUEST_METHOD": "POST" if body else "GET",
            "PATH_INFO": path,
            "REMOTE_ADDR": self._client.address,
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "wsgi.input": io.BytesIO(body),
        } | more

        def handle() -> Response:
            self.status = "200 OK"
            self.handled.set()
            if self._finish is not None:
                assert self._finish.wait(PATIENCE_S)
            return Response(length, status_code)

        self.response = self._client.bulkheads.run(environ, self._start, handle)
        self.handled.set()
        return self

    def _start(self, status: str, headers: Iterable[tuple[str, str]], *_: Any) -> None:
        self.status, self.headers = status, dict(headers)

    @property
    def is_refused(self) -> bool:
        return self.status.startswith("503")


class Client:
    def __init__(self, bulkheads: RequestBulkheads, address: str = "192.0.2.1") -> None:
        self.bulkheads = bulkheads
        self.address = address

    def send(self, **request: Any) -> Reply:
        return Reply(self).send(**request)

    @contextmanager
    def sending(self, count: int, **request: Any) -> Iterator[int]:
        """Send requests at once; yield how many are handled, all during the block."""
        finish = threading.Event()
        replies = [Reply(self, finish) for _ in range(count)]
        threads = [threading.Thread(target=each.send, kwargs=request) for each in replies]
        for thread in threads:
            thread.start()
        try:
            assert all(each.handled.wait(PATIENCE_S) for each in replies)
            yield sum(not each.is_refused for each in replies)
        finally:
            finish.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def client() -> Client:
    return Client(RequestBulkheads(16))


def test_bodies_and_searches_have_a_share_and_reads_the_rest(client: Client) -> None:
    others = Client(client.bulkheads, "192.0.2.2")

    # One client leaves a thread for the bodies of others.
    with client.sending(20, **LOGIN) as logins, others.sending(20, **LOGIN) as others_logins:
        with client.sending(20, **SEARCH) as searches, client.sending(20, **READ) as reads:
            assert (logins, others_logins, searches, reads) == (3, 1, 3, 20)

    with client.sending(20, **LOGIN) as logins, client.sending(20, **SEARCH) as searches:
        assert (logins, searches) == (3, 3)


def test_a_thread_is_free_before_the_client_has_its_response(client: Client) -> None:
    # Their responses are never closed.
    replies = [client.send(**SEARCH) for _ in range(100)]

    assert not any(reply.is_refused for reply in replies)


def test_a_thread_is_free_again_when_the_application_fails(client: Client) -> None:
    def fail() -> Any:
        raise RuntimeError("broken")

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/search/"}
    for _ in range(10):
        with pytest.raises(RuntimeError):
            client.bulkheads.run(environ, lambda *_: None, fail)

    with client.sending(20, **SEARCH) as searches:
        assert searches == 3


def test_a_long_response_holds_a_thread_until_it_is_closed(client: Client) -> None:
    first, second, third = (client.send(path="/static/large", length=2_000_000) for _ in range(3))
    assert [first.is_refused, second.is_refused, third.is_refused] == [False, False, True]
    assert b"".join(first.response) == b"fine"

    first.response.close()
    first.response.close()  # A second time gives nothing more back.

    assert not client.send(path="/static/large", length=2_000_000).is_refused
    assert client.send(path="/static/large", length=2_000_000).is_refused


def test_a_static_file_that_the_client_has_holds_no_thread(client: Client) -> None:
    replies = [client.send(path="/static/small", status_code=304) for _ in range(100)]

    assert not any(reply.is_refused for reply in replies)


def test_a_response_that_granian_takes_whole_holds_no_thread(client: Client) -> None:
    replies = [client.send(path="/static/small", length=1_000_000) for _ in range(100)]

    assert not any(reply.is_refused for reply in replies)


def test_a_refusal_is_a_problem_that_says_when_to_come_again(client: Client) -> None:
    told: list[FinishedRequest] = []
    on_requests_finished.append(told.extend)
    try:
        with client.sending(3, **SEARCH):
            reply = client.send(**SEARCH, HTTP_X_REQUEST_ID="abcdefgh-1")
    finally:
        on_requests_finished.remove(told.extend)

    [body] = reply.response
    assert reply.status == "503 Service Unavailable"
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Retry-After"] == "1"
    assert reply.headers["X-Request-ID"] == "abcdefgh-1"
    assert reply.headers["Content-Length"] == str(len(body))
    problem = orjson.loads(body)
    assert (problem["status"], problem["code"]) == (503, "server_busy")
    assert problem["request_id"] == reply.headers["X-Request-ID"]
    assert [(answer.route, answer.status) for answer in told] == [("GET refused", 503)]
    assert told[0].trace is not None  # Nothing came from the cache.


def test_clients_are_told_apart_behind_a_trusted_proxy(client: Client, settings: Any) -> None:
    settings.MORPHEUS_TRUSTED_PROXIES = 1
    first = LOGIN | {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.1"}
    second = LOGIN | {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.2"}

    with client.sending(20, **first) as logins, client.sending(20, **second) as others_logins:
        assert (logins, others_logins) == (3, 1)
