"""What a request asks of the database: requests to a view, with their statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

# Not what a page reads: transactions, the setting of the identity, a constant per request, and the
# plan of a statement that took long, which the monitor asks for.
_NOT_READ = ("SAVEPOINT", "RELEASE", "ROLLBACK", "EXPLAIN")
_IDENTITY = "app.user_id"


class RequestFailed(Exception):
    """A request that should show its statements was refused; the message has the answer."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as Django hands it to psycopg."""

    sql: str
    params: Any


@contextmanager
def captured(*, cached: bool = False) -> Iterator[list[Statement]]:
    """Collect the statements of the block, without savepoints and the setting of identity.

    Args:
        cached: Whether the cache is on; off, seen is what it saves.
    """
    seen: list[Statement] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(_NOT_READ) and _IDENTITY not in sql:
            seen.append(Statement(sql, params))
        return execute(sql, params, many, context)

    with override_settings(MORPHEUS_CACHE=cached), connection.execute_wrapper(record):
        yield seen


def served_host() -> str:
    """Return a host name that requests may be for."""
    name = settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "localhost"
    return "localhost" if name == "*" else name.lstrip(".")


def get(
    view: type[Any], url: str, values: dict[str, Any], user: Any
) -> tuple[Response, list[Statement]]:
    """Answer a GET by the view itself, as `user`; return the answer and its statements.

    Raises:
        RequestFailed: The answer is not 200.
    """
    request = APIRequestFactory(SERVER_NAME=served_host()).get(url)
    force_authenticate(request, user)
    with captured() as statements:
        response = view.as_view()(request, **values)
    if response.status_code != 200:
        raise RequestFailed(f"GET {url}: {response.status_code} {response.data}")
    return response, statements
