"""What PostgreSQL says of the work in one database: pg_stat_statements, by kind of statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import starmap

import psycopg
from psycopg.conninfo import make_conninfo

from morpheus.embedded.roles import APP

_RESET = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = %s"
_STATEMENTS = """
SELECT
    s.query,
    s.calls,
    s.total_exec_time + s.total_plan_time AS ms,
    s.shared_blks_hit + s.shared_blks_read AS buffers
FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid
JOIN pg_roles r ON r.oid = s.userid
WHERE d.datname = %s AND r.rolname = %s
"""
_TOTAL = f"SELECT coalesce(sum(ms), 0) FROM ({_STATEMENTS}) found"  # noqa: S608

# What reads: SELECT and WITH, but for locks, for what changes rows, and for the identity, which
# goes with every statement of a member and reads nothing.
_READS = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
_CHANGES = re.compile(
    r"\bFOR (NO KEY )?UPDATE\b|\bFOR (KEY )?SHARE\b|\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE
)
_IDENTITY = re.compile(r"\s*SELECT set_config\(|\s*SELECT current_setting\(", re.IGNORECASE)
_TRANSACTION = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|DEALLOCATE|SET)\b", re.I)

KINDS = ("read", "write", "transaction", "identity")


@dataclass(frozen=True)
class Statement:
    """A statement, its parameters left out.

    Attributes:
        ms: Planning and execution of all calls.
        buffers: Pages looked at: the same on a busy machine and on a quiet one.
    """

    text: str
    calls: int
    ms: float
    buffers: int

    @property
    def kind(self) -> str:
        """One of KINDS."""
        if _IDENTITY.match(self.text):
            return "identity"
        if _TRANSACTION.match(self.text):
            return "transaction"
        return "read" if _READS.match(self.text) and not _CHANGES.search(self.text) else "write"


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
        """Begin anew."""
        self._connection.execute(_RESET, [self._database])

    def total_ms(self) -> float:
        """Return the milliseconds of all statements."""
        row = self._connection.execute(_TOTAL, [self._database, APP]).fetchone()
        return float(row[0]) if row else 0.0

    def statements(self) -> list[Statement]:
        """Return all statements, the dearest first."""
        rows = self._connection.execute(_STATEMENTS, [self._database, APP])
        return sorted(starmap(Statement, rows), key=lambda one: -one.ms)
