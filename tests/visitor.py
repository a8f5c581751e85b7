"""A client of the whole WSGI application with its response cache; it counts statements."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import orjson
from django.db import connection


@contextmanager
def counted_queries() -> Iterator[SimpleNamespace]:
    """Collect the statements of the block, without savepoints and the setting of identity.

    Those two are the test's own transaction and a constant per request, not what a page reads.
    """
    seen = SimpleNamespace(sql=[])

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")) and "app.user_id" not in sql:
            seen.sql.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        yield seen


@dataclass
class VisitorResponse:
    """A response of the WSGI application.

    Attributes:
        queries: Statements of the request.
        was_cached: Whether the response cache sent it, without Django.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    queries: list[str]
    was_cached: bool

    def json(self) -> Any:
        return orjson.loads(self.body)


class Visitor:
    """Sends GETs to the WSGI application of a server: a `ResponseCache` behind `Draining`."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.cache = application.application

    def get(self, url: str, **environ: str) -> VisitorResponse:
        path, _, query = url.removeprefix("http://testserver").partition("?")
        environment = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SCRIPT_NAME": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "testserver",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        } | environ
        started: list[tuple[str, dict[str, str]]] = []
        calls: list[Any] = []
        django = self.cache.application

        def call_django(*arguments: Any) -> Any:
            calls.append(arguments)
            return django(*arguments)

        self.cache.application = call_django
        try:
            with counted_queries() as seen:
                chunks = self.application(
                    environment, lambda status, headers: started.append((status, headers))
                )
                body = b"".join(chunks)
        finally:
            self.cache.application = django
        if hasattr(chunks, "close"):
            chunks.close()
        [(status, headers)] = started
        return VisitorResponse(int(status[:3]), dict(headers), body, seen.sql, not calls)
