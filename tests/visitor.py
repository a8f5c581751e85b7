"""A visitor of the whole WSGI application, fast lane and all, who sees what it costs."""

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
class Answer:
    """What came back.

    Attributes:
        queries: Statements that it cost.
        was_kept: Whether Django was not asked.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    queries: list[str]
    was_kept: bool

    def json(self) -> Any:
        return orjson.loads(self.body)


class Visitor:
    """Sends GETs to a WSGI application that is a `ResponseCache`."""

    def __init__(self, lane: Any) -> None:
        self.lane = lane

    def get(self, url: str, **environ: str) -> Answer:
        path, _, query = url.removeprefix("http://testserver").partition("?")
        given = {
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
        asked = []
        django = self.lane.application

        def ask_django(*arguments: Any) -> Any:
            asked.append(arguments)
            return django(*arguments)

        self.lane.application = ask_django
        try:
            with counted_queries() as seen:
                chunks = self.lane(given, lambda status, headers: started.append((status, headers)))
                body = b"".join(chunks)
        finally:
            self.lane.application = django
        if hasattr(chunks, "close"):
            chunks.close()
        [(status, headers)] = started
        return Answer(int(status[:3]), dict(headers), body, seen.sql, not asked)
