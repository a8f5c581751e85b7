"""The database roles and what each may do, as SQL that can be applied again and again."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from .names import APP, LOADER, NOTE, OWNER
from .statistics import DOORS, EXTENSION, GRANT

__all__ = [
    "APP",
    "LOADER",
    "OWNER",
    "RolesUnavailable",
    "ensure_roles",
    "prepare_database",
    "script",
]

# NOINHERIT on the owner matters on PostgreSQL 15, where a grant cannot say it: there too the owner
# must not pass by row security as the loader does.
ROLE_ATTRIBUTES = {
    OWNER: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOBYPASSRLS",
    APP: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
    LOADER: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS",
}
ROLE_PURPOSES = {
    OWNER: "owns the tables and runs migrations",
    APP: "serves requests; row security binds it",
    LOADER: "seeds by COPY; owns the functions that look past row security, or at sessions",
}

# An ALTER that changes nothing still demands a superuser, so it is sent only where it changes.
ROLE_TEMPLATE = """\
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} {attributes};
    ELSIF EXISTS (
        SELECT FROM pg_roles WHERE rolname = '{role}' AND (
            rolsuper OR rolcreaterole OR rolcreatedb OR NOT rolcanlogin
            OR rolinherit <> {inherits} OR rolbypassrls <> {bypasses}
        )
    ) THEN
        ALTER ROLE {role} {attributes};
    END IF;
END $$"""

# Rights on rows that the serving role does not need: migrations fill these tables (all but the
# last two), only `cache_touch` adds to the outbox, and nothing changes the admin's history. Each
# table gives them by default, so its migration takes them, and so does all of this when it is run
# again.
WITHHELD = {
    "auth_permission": "INSERT, UPDATE, DELETE",
    "django_content_type": "INSERT, UPDATE, DELETE",
    "django_migrations": "INSERT, UPDATE, DELETE",
    "users_publicuser": "INSERT, UPDATE, DELETE",
    "cache_outbox": "INSERT",
    "django_admin_log": "UPDATE",
}

# The owner may become the loader on request: a migration hands a function to it. EXECUTE, because
# PostgreSQL 15 cannot parse the newer form. An administrator without superuser rights must be in
# the owner's role to grant for it. Older versions let the owner become the serving role.
MEMBERSHIPS = f"""\
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT {LOADER} TO {OWNER} WITH INHERIT FALSE, SET TRUE';
    ELSE
        GRANT {LOADER} TO {OWNER};
    END IF;
    IF pg_has_role('{OWNER}', '{APP}', 'MEMBER') THEN
        REVOKE {APP} FROM {OWNER};
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT {OWNER} TO CURRENT_USER;
    END IF;
END $$"""  # noqa: S608 - the names are the constants above


class RolesUnavailable(Exception):
    """The roles could not be made; the message says what to do."""


def server_statements(passwords: Mapping[str, str] | None = None) -> list[str]:
    """Return what is done once per server: the three roles, with passwords where given."""
    statements = [_role_statement(role) for role in ROLE_ATTRIBUTES]
    for role, password in (passwords or {}).items():
        if password:
            clause = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(password)
            )
            statements.append(clause.as_string())
    return [*statements, MEMBERSHIPS, GRANT]


def _role_statement(role: str) -> str:
    attributes = ROLE_ATTRIBUTES[role]
    return ROLE_TEMPLATE.format(
        role=role,
        attributes=attributes,
        inherits="NOINHERIT" not in attributes,
        bypasses="NOBYPASSRLS" not in attributes,
    )


def database_statements(database: str) -> list[str]:
    """Return what is done inside each database: ownership, grants, extensions."""
    name = sql.Identifier(database).as_string()
    defaults = f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT"
    rows = "SELECT, INSERT, UPDATE, DELETE"
    return [
        f"ALTER DATABASE {name} OWNER TO {OWNER}",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {APP}, {LOADER}",
        f"ALTER SCHEMA public OWNER TO {OWNER}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {APP}",
        # CREATE: what ALTER FUNCTION … OWNER TO demands of the new owner.
        f"GRANT USAGE, CREATE ON SCHEMA public TO {LOADER}",
        f"GRANT {rows} ON ALL TABLES IN SCHEMA public TO {APP}",
        *(_withhold(table, rights) for table, rights in WITHHELD.items()),
        f"GRANT {rows}, TRUNCATE ON ALL TABLES IN SCHEMA public TO {LOADER}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP}",
        f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {LOADER}",
        f"{defaults} {rows} ON TABLES TO {APP}",
        f"{defaults} {rows}, TRUNCATE ON TABLES TO {LOADER}",
        f"{defaults} USAGE, SELECT ON SEQUENCES TO {APP}",
        f"{defaults} USAGE, SELECT, UPDATE ON SEQUENCES TO {LOADER}",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        EXTENSION,
        *DOORS,
    ]


def _withhold(table: str, rights: str) -> str:
    """Return the statement that takes rights of a table that may not be there yet."""
    return (
        f"DO $$ BEGIN IF to_regclass('public.{table}') IS NOT NULL THEN "
        f"REVOKE {rights} ON public.{table} FROM {APP}; END IF; END $$"
    )


def ensure_roles(
    admin_url: str, database: str = "morpheus", passwords: Mapping[str, str] | None = None
) -> list[str]:
    """Make the roles and `database`, owned by morpheus_owner; return the server's notes.

    Idempotent. `admin_url` names a login that may create roles and databases.

    Raises:
        RolesUnavailable: The login may not do this, or the server is not reachable.
    """
    notes = _execute(_other_database(admin_url, "postgres"), server_statements(passwords))
    return notes + prepare_database(admin_url, database)


def prepare_database(admin_url: str, name: str) -> list[str]:
    """Create database `name` if it is missing, apply its grants, return the server's notes.

    The roles must exist. Raises RolesUnavailable as `ensure_roles` does.
    """
    with _connect(_other_database(admin_url, "postgres")) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if found.rowcount == 0:
            create = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
            try:
                connection.execute(create.format(sql.Identifier(name), sql.Identifier(OWNER)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # Somebody else was faster; the grants below are the same.
            except psycopg.Error as error:
                raise _refused(error) from error
    return _execute(_other_database(admin_url, name), database_statements(name))


def script(database: str = "morpheus") -> str:
    """Return the whole as a psql script for a database administrator."""
    name = sql.Identifier(database).as_string()
    literal = sql.Literal(database).as_string()
    lines = [
        "-- Roles and grants of Morpheus; PostgreSQL 15 or later, run by psql as a superuser:",
        "--     psql --set ON_ERROR_STOP=1 --dbname postgres --file roles.sql",
        "-- It may be run again. Afterwards give each role a password: \\password morpheus_app",
        *(f"-- {role}: {purpose}." for role, purpose in ROLE_PURPOSES.items()),
        "",
        *(f"{statement};" for statement in server_statements()),
        "",
        f"SELECT 'CREATE DATABASE {name} OWNER {OWNER} ENCODING ''UTF8'' TEMPLATE template0'",
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal}) \\gexec",
        f"\\connect {name}",
        "",
        *(f"{statement};" for statement in database_statements(database)),
    ]
    return "\n".join(lines) + "\n"


def _other_database(url: str, database: str) -> str:
    return make_conninfo(**{**conninfo_to_dict(url), "dbname": database})  # type: ignore[arg-type]


def _connect(conninfo: str) -> psycopg.Connection:
    try:
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise RolesUnavailable(f"The server does not let the administrator in: {error}") from error


def _execute(conninfo: str, statements: list[str]) -> list[str]:
    """Run the statements in one transaction, alone; return what the server remarked."""
    notes: list[str] = []
    with _connect(conninfo) as connection:
        connection.add_notice_handler(lambda notice: notes.append(notice.message_primary or ""))
        try:
            with connection.transaction():
                # Parallel test workers come at once, and catalogue rows collide.
                connection.execute("SELECT pg_advisory_xact_lock(hashtext('morpheus roles'))")
                for statement in statements:
                    connection.execute(statement.encode())
        except psycopg.Error as error:
            raise _refused(error) from error
    return [note.removeprefix(NOTE) for note in notes if note.startswith(NOTE)]


def _refused(error: psycopg.Error) -> RolesUnavailable:
    return RolesUnavailable(
        f"The server refused: {str(error).strip()}. A login that may not create roles can hand "
        "`manage.py services roles --sql` to the database's administrator."
    )
