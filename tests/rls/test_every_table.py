"""Which role may do what to a row of each private table; a table without an entry fails."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.rls.conftest import FOLLOWS_VISIBILITY, PRIVATE, connect, rolled_back

ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
# A row's visibility where it does not say it itself, as an expression over the row `t`.
OF_NOVEL = "(SELECT n.is_public FROM novels_novel n WHERE n.id = t.novel_id)"
IS_PUBLIC = dict.fromkeys(("novels_novelupload", "novels_searchdocument"), OF_NOVEL) | {
    "api_idempotent_response": "false",
    "users_user": "false",
    "users_token": "false",
    "users_deletion": "false",
    "users_export": "false",
    "users_user_groups": "false",
    "users_user_user_permissions": "false",
    "perf_slowquery": "false",
    "reading_progress": "false",
}
ANNS = {"users_user": "t.email = 'ann@example.org'"}
# Tables without a public row.
RIGHTS = {"users_user_groups", "users_user_user_permissions"}
ALWAYS_PRIVATE = RIGHTS | {
    *("users_user", "users_token", "users_deletion", "users_export"),
    *("novels_novelupload", "perf_slowquery", "api_idempotent_response", "reading_progress"),
}
ROLES = ["anonymous", "owner of the row", "other", "staff", "loader", "owner of the tables"]


def test_every_table_of_ours_is_open_by_decision_or_private_in_the_database() -> None:
    assert FOLLOWS_VISIBILITY | ALWAYS_PRIVATE == set(PRIVATE)


def expect_statements(table: str, role: str, is_public: bool) -> set[str]:
    if table == "perf_slowquery" and role == "owner of the row":
        return set()  # An anonymous caller owns no row.
    if table in RIGHTS and role == "owner of the row":
        return {"SELECT"}
    if role in ("owner of the row", "staff", "loader"):
        return ALL
    if table == "users_user" and role == "owner of the tables":
        return {"SELECT"}  # For the view of what everybody may know (docs/security.md).
    return {"SELECT"} if is_public and table in FOLLOWS_VISIBILITY else set()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", PRIVATE)
def test_a_row_is_its_owners_and_staffs(people: Any, table: Any, role: Any) -> None:
    opened = as_role(role, people)
    with opened:
        for is_public in (False,) if table in ALWAYS_PRIVATE else (False, True):
            row = row_of(table, is_public)
            assert try_statements(opened, table, row) == expect_statements(
                table, role, is_public
            ), is_public


def as_role(role: Any, people: Any) -> Any:
    if role in ("loader", "owner of the tables"):
        return connect(role.split()[0])
    reader = {"owner of the row": people["ann"].pk, "other": people["bob"].pk}.get(role)
    return connect("app", reader, staff=role == "staff")


def row_of(table: Any, is_public: Any) -> Any:
    """Return Ann's row of this visibility, as JSON."""
    condition = f"{IS_PUBLIC.get(table, 't.is_public')} = {is_public}"
    with connect("loader") as loader:
        row = loader.execute(
            f"SELECT to_jsonb(t) FROM {table} t WHERE {condition} AND {ANNS.get(table, 'true')} "
            "LIMIT 1"
        ).fetchone()
    assert row, f"no row of {table}: add one in conftest.py"
    return row[0]


def try_statements(opened: Any, table: Any, row: Any) -> Any:
    """Return the statements that the connection may run on the row; each is rolled back."""
    key = next(name for name in ("id", "novel_id", "chapter_id", "user_id") if name in row)
    name, column = sql.Identifier(table), sql.Identifier(key)
    where = sql.SQL("WHERE {} = {}").format(column, sql.Literal(row[key]))
    statements = {
        "SELECT": sql.SQL("SELECT FROM {} {}").format(name, where),
        "UPDATE": sql.SQL("UPDATE {} SET {} = {} {}").format(name, column, column, where),
        "DELETE": sql.SQL("DELETE FROM {} {}").format(name, where),
        # The row as it is: where the policy allows it, the primary key refuses it.
        "INSERT": sql.SQL(
            "INSERT INTO {} SELECT * FROM jsonb_populate_record(NULL::{}, {})"
        ).format(name, name, sql.Literal(Jsonb(row))),
    }
    return {kind for kind, statement in statements.items() if passes(opened, statement)}


def passes(opened: Any, statement: Any) -> Any:
    with rolled_back(opened):
        try:
            return opened.execute(statement).rowcount > 0
        except (psycopg.errors.IntegrityError, psycopg.errors.RestrictViolation):
            return True
        except psycopg.errors.InsufficientPrivilege as refused:
            assert "row-level security" in str(refused)
            assert "DETAIL" not in str(refused)  # The row itself is not told.
            return False
