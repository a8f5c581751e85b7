"""The statements of one database in pg_stat_statements, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap

import psycopg
from psycopg.conninfo import make_conninfo

from morpheus.embedded.roles import APP
from perf.monitoring.sql_text import normalize_statement

KINDS = ("read", "write", "transaction", "identity")

_RESET = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = %s"
_STATEMENTS = """
SELECT
    s.query,
    s.calls,
    s.total_exec_time + s.total_plan_time,
    s.shared_blks_hit + s.shared_blks_read
FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid
JOIN pg_roles r ON r.oid = s.userid
WHERE d.datname = %s AND r.rolname = %s
"""


@dataclass(frozen=True)
class Statement:
    """A statement without its parameters.

    Attributes:
        ms: Planning and execution of all calls.
        buffers: Hit and read; a busy machine does not change them.
    """

    text: str
    calls: int
    ms: float
    buffers: int

    @property
    def kind(self) -> str:
        """One of KINDS. A SELECT that locks rows is part of a write."""
        statement = normalize_statement(self.text)
        if statement.is_read:
            return "write" if statement.locks_rows else "read"
        if statement.sets_config:
            return "identity"
        return "transaction" if statement.kind == "control" else "write"


class DatabaseTime:
    """The serving role's statements in one database since `reset`."""

    def __init__(self, admin_url: str, database: str) -> None:
        url = make_conninfo(admin_url, dbname=database)
        self._connection = psycopg.connect(url, autocommit=True)
        self._database = database

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def reset(self) -> None:
        """Forget the statements until now."""
        self._connection.execute(_RESET, [self._database])

    def statements(self) -> list[Statement]:
        """Return all statements."""
        rows = self._connection.execute(_STATEMENTS, [self._database, APP])
        return [*starmap(Statement, rows)]
