"""How many threads each kind of request may hold."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest

from morpheus.observing import on_answer
from morpheus.observing.ledger import Answer
from morpheus.serving.bulkheads import Bulkheads


class Response:
    """What an application answers; as long as a `Content-Length`, it is streamed."""

    def __init__(self, length: int | None = None) -> None:
        self.streaming = length is not None
        self.headers = {} if length is None else {"Content-Length": str(length)}

    def __iter__(self) -> Iterator[bytes]:
        yield b"fine"


class Client:
    """Sends requests whose responses stay open until they are closed."""

    def __init__(self, bulkheads: Bulkheads, address: str = "192.0.2.1") -> None:
        self.bulkheads = bulkheads
        self.address = address
        self.headers: dict[str, str] = {}

    def send(self, path: str, body: bytes = b"", response: Any = None, **environ: Any) -> Any:
        self.status = "200 OK"

        def start(status: str, headers: Iterable[tuple[str, str]], *_: Any) -> None:
            self.status, self.headers = status, dict(headers)

        request = {
            "REQUEST_METHOD": "POST" if body else "GET",
            "PATH_INFO": path,
            "REMOTE_ADDR": self.address,
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "wsgi.input": io.BytesIO(body),
        } | environ
        return self.bulkheads.run(request, start, lambda: response or Response())

    def count_admitted(self, path: str, **request: Any) -> int:
        """Send requests that stay open until one is refused; return how many were not."""
        admitted = 0
        while True:
            self.send(path, **request)
            if self.status != "200 OK":
                return admitted
            admitted += 1
            assert admitted < 1000, "Nothing is refused."


@pytest.fixture
def client() -> Client:
    return Client(Bulkheads(16))


def test_bodies_searches_and_long_responses_leave_threads_for_reads(client: Client) -> None:
    others = Client(client.bulkheads, "192.0.2.2")

    # One client leaves a thread to others.
    assert client.count_admitted("/api/v1/auth/token/", body=b"x") == 3
    assert others.count_admitted("/api/v1/auth/token/", body=b"x") == 1
    assert client.count_admitted("/api/v1/search/") == 3
    assert client.count_admitted("/static/large", response=Response(2_000_000)) == 2

    for _ in range(100):
        client.send("/api/v1/novels/")
        assert client.status == "200 OK"


def test_a_thread_is_free_again_when_the_response_is_closed(client: Client) -> None:
    responses = [client.send("/api/v1/search/") for _ in range(3)]
    client.send("/api/v1/search/")
    assert client.status.startswith("503")

    responses[0].close()
    responses[0].close()  # A second time gives nothing more back.

    assert client.count_admitted("/api/v1/search/") == 1


def test_a_thread_is_free_again_when_the_application_fails(client: Client) -> None:
    def fail() -> Any:
        raise RuntimeError("broken")

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/search/"}
    for _ in range(10):
        with pytest.raises(RuntimeError):
            client.bulkheads.run(environ, lambda *_: None, fail)

    assert client.count_admitted("/api/v1/search/") == 3


def test_a_response_that_granian_buffers_whole_counts_for_nothing(client: Client) -> None:
    for _ in range(100):
        client.send("/static/small", response=Response(1_000_000))
        assert client.status == "200 OK"


def test_a_refusal_is_a_problem_that_says_when_to_come_again(client: Client) -> None:
    told: list[Answer] = []
    on_answer.append(told.append)
    try:
        for _ in range(3):
            client.send("/api/v1/search/")
        [body] = client.send("/api/v1/search/", HTTP_X_REQUEST_ID="abcdefgh-1")
    finally:
        on_answer.remove(told.append)

    assert client.status == "503 Service Unavailable"
    assert client.headers["Content-Type"] == "application/problem+json"
    assert client.headers["Retry-After"] == "1"
    assert client.headers["X-Request-ID"] == "abcdefgh-1"
    assert client.headers["Content-Length"] == str(len(body))
    assert orjson.loads(body)["status"] == 503
    assert [(answer.route, answer.status) for answer in told] == [("GET refused", 503)]
    assert told[0].ledger is not None  # Nothing came from the cache.


def test_clients_are_told_apart_behind_a_trusted_proxy(client: Client, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    first = {"body": b"x", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.1"}
    second = {"body": b"x", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.2"}

    assert client.count_admitted("/api/v1/auth/token/", **first) == 3
    assert client.count_admitted("/api/v1/auth/token/", **second) == 1
