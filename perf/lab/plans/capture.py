"""Capture the statements of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.test import override_settings

# Not reads of a request: savepoints, the identity, and plans that the query monitor takes.
_IGNORED = ("SAVEPOINT", "RELEASE", "ROLLBACK", "EXPLAIN")
_IDENTITY = "app.user_id"


class RequestFailed(CommandError):
    """The response has an unexpected status; the message has the response."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as Django passes it to psycopg."""

    sql: str
    params: Any

    @property
    def is_read(self) -> bool:
        return self.sql.lstrip().startswith(("SELECT", "WITH"))


@contextmanager
def capture_statements(
    *, cached: bool = False, in_parts: bool = False
) -> Iterator[list[Statement]]:
    """Collect the statements of the block, without savepoints and the setting of the identity.

    Args:
        cached: Whether the block uses the cache.
        in_parts: Whether lists are read in the parts that the cache has, as if they were cached.
    """
    statements: list[Statement] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(_IGNORED) and _IDENTITY not in sql:
            statements.append(Statement(sql, params))
        return execute(sql, params, many, context)

    parts = patch("morpheus.api.lists.list_whole_rows", lambda read: None)
    with (
        override_settings(MORPHEUS_CACHE=cached),
        connection.execute_wrapper(record),
        parts if in_parts else nullcontext(),
    ):
        yield statements


def served_host() -> str:
    """Return a host name that ALLOWED_HOSTS accepts."""
    name = settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "localhost"
    return "localhost" if name == "*" else name.lstrip(".")
