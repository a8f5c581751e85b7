"""Make the database roles and their rights; `sql/` says what each role may do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

OWNER = "morpheus_owner"
APP = "morpheus_app"
LOADER = "morpheus_loader"

SERVER_SQL = (Path(__file__).parent / "sql" / "server.sql").read_text()
DATABASE_SQL = (Path(__file__).parent / "sql" / "database.sql").read_text()

# Marks notices of our own SQL; PostgreSQL has others ("already exists, skipping").
NOTICE_PREFIX = "Morpheus: "


class RolesUnavailable(Exception):
    """The roles could not be made; the message says what to do."""


def ensure_roles(
    admin_url: str, database: str = "morpheus", passwords: Mapping[str, str] | None = None
) -> list[str]:
    """Make the roles, and `database` with morpheus_owner as its owner; return warnings.

    Idempotent. `admin_url` is a login that may create roles and databases. An empty password leaves
    the role's as it is.

    Raises:
        RolesUnavailable: The login has no such right, or the server is not reachable.
    """
    statements = [SERVER_SQL]
    for role, password in (passwords or {}).items():
        if password:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            statements.append(
                statement.format(sql.Identifier(role), sql.Literal(password)).as_string()
            )
    warnings = _execute(replace_database(admin_url, "postgres"), statements)
    return warnings + prepare_database(admin_url, database)


def prepare_database(admin_url: str, name: str) -> list[str]:
    """Create database `name` if it is missing, apply its rights, return warnings.

    The roles must exist. Raises RolesUnavailable as `ensure_roles` does.
    """
    create_database(admin_url, name)
    return _execute(replace_database(admin_url, name), [DATABASE_SQL])


def create_database(admin_url: str, name: str) -> None:
    """Create an empty database, if there is none of this name. Raises RolesUnavailable."""
    with _connect(replace_database(admin_url, "postgres")) as connection:
        rows = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if rows.rowcount == 0:
            create = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
            try:
                connection.execute(create.format(sql.Identifier(name), sql.Identifier(OWNER)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # Another process was faster; the rights are the same.
            except psycopg.Error as error:
                raise _build_refusal(error) from error


def build_script(database: str = "morpheus") -> str:
    """Return everything as a psql script for a database administrator."""
    name = sql.Identifier(database).as_string()
    literal = sql.Literal(database).as_string()
    return f"""\
-- Roles and rights of Morpheus; PostgreSQL 15 or later, run by psql as a superuser:
--     psql --set ON_ERROR_STOP=1 --dbname postgres --file roles.sql
-- It may be run again. Afterwards give each role a password: \\password morpheus_app

{SERVER_SQL}
SELECT 'CREATE DATABASE {name} OWNER {OWNER} ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal}) \\gexec
\\connect {name}

{DATABASE_SQL}"""  # noqa: S608 - quoted above


def replace_database(url: str, database: str) -> str:
    """Return the login of `url` for another database."""
    return make_conninfo(**{**conninfo_to_dict(url), "dbname": database})  # type: ignore[arg-type]


def _connect(conninfo: str) -> psycopg.Connection:
    try:
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise RolesUnavailable(f"The administrator's login failed: {error}") from error


def _execute(conninfo: str, statements: list[str]) -> list[str]:
    """Run the statements in one transaction, one process at a time; return our own notices."""
    notices: list[str] = []
    with _connect(conninfo) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        try:
            with connection.transaction():
                # Parallel test workers come at once, and rows of the catalogue would collide.
                connection.execute("SELECT pg_advisory_xact_lock(hashtext('morpheus roles'))")
                for statement in statements:
                    connection.execute(statement.encode())
        except psycopg.Error as error:
            raise _build_refusal(error) from error
    return [
        notice.removeprefix(NOTICE_PREFIX) for notice in notices if notice.startswith(NOTICE_PREFIX)
    ]


def _build_refusal(error: psycopg.Error) -> RolesUnavailable:
    return RolesUnavailable(
        f"The server refused: {str(error).strip()}. With a login that may not create roles, give "
        "the output of `manage.py services roles --sql` to the database's administrator."
    )
