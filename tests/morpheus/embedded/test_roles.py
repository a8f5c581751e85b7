from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from morpheus.embedded.paths import find_paths
from morpheus.embedded.roles import (
    APP,
    LOADER,
    OWNER,
    RolesUnavailable,
    build_script,
    ensure_roles,
    prepare_database,
)
from morpheus.embedded.supervisor import EmbeddedServices

numbers = count(1)


@pytest.fixture
def admin_url(shared: EmbeddedServices) -> str:
    return shared.addresses.database_url("postgres", "postgres")


@pytest.fixture
def connect(shared: EmbeddedServices, admin_url: str) -> Callable[[str], psycopg.Connection]:
    """Connect as a role to a database of this test's own."""
    database = f"roles_{next(numbers)}"
    prepare_database(admin_url, database)
    return lambda role: psycopg.connect(
        shared.addresses.database_url(role, database), autocommit=True
    )


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_only_the_loader_bypasses_row_security_and_no_role_is_superuser(admin_url: str) -> None:
    records = rows(
        admin_url,
        "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb "
        "FROM pg_roles WHERE rolname LIKE 'morpheus%' ORDER BY rolname",
    )

    assert records == [
        (APP, True, False, False, False, False),
        (LOADER, True, False, True, False, False),
        (OWNER, True, False, False, False, False),
    ]


def test_the_owner_becomes_the_loader_only_on_request(
    admin_url: str, connect: Callable[[str], psycopg.Connection]
) -> None:
    records = rows(
        admin_url,
        f"SELECT pg_has_role('{OWNER}', '{LOADER}', 'USAGE'), "
        f"pg_has_role('{APP}', '{LOADER}', 'MEMBER'), pg_has_role('{OWNER}', '{APP}', 'MEMBER')",
    )

    assert records == [(False, False, False)]
    with connect(OWNER) as owner:
        owner.execute(f"SET ROLE {LOADER}".encode())


def test_the_owner_loses_the_serving_role_that_older_versions_granted(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"GRANT {APP} TO {OWNER}")

    ensure_roles(admin_url)

    assert rows(admin_url, f"SELECT pg_has_role('{OWNER}', '{APP}', 'MEMBER')") == [(False,)]


def test_a_changed_role_is_put_right(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("ALTER ROLE morpheus_app BYPASSRLS")

    ensure_roles(admin_url)

    assert rows(admin_url, f"SELECT rolbypassrls FROM pg_roles WHERE rolname = '{APP}'") == [
        (False,)
    ]


def test_the_serving_role_reads_and_writes_rows_but_no_schema(
    connect: Callable[[str], psycopg.Connection],
) -> None:
    with connect(OWNER) as owner, connect(APP) as app:
        owner.execute("CREATE TABLE novel (id bigserial PRIMARY KEY, title text)")

        app.execute("INSERT INTO novel (title) VALUES ('Alice')")
        app.execute("UPDATE novel SET title = 'Emma'")
        assert app.execute("SELECT title FROM novel").fetchall() == [("Emma",)]
        app.execute("DELETE FROM novel")

        for forbidden in ("CREATE TABLE x ()", "TRUNCATE novel", "DROP TABLE novel"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(forbidden.encode())


def test_the_loader_copies_into_a_table_under_forced_row_security(
    connect: Callable[[str], psycopg.Connection],
) -> None:
    with connect(OWNER) as owner, connect(APP) as app, connect(LOADER) as loader:
        owner.execute("CREATE TABLE novel (id bigserial PRIMARY KEY, title text)")
        owner.execute("ALTER TABLE novel ENABLE ROW LEVEL SECURITY")
        owner.execute("ALTER TABLE novel FORCE ROW LEVEL SECURITY")

        with loader.cursor().copy("COPY novel (title) FROM STDIN") as copy:
            copy.write_row(["Alice"])
        loader.execute("SELECT setval('novel_id_seq', 100)")

        assert loader.execute("SELECT count(*) FROM novel").fetchone() == (1,)
        assert app.execute("SELECT count(*) FROM novel").fetchone() == (0,)
        assert owner.execute("SELECT count(*) FROM novel").fetchone() == (0,)
        loader.execute("TRUNCATE novel")


def test_a_migration_may_give_a_function_to_the_loader(
    connect: Callable[[str], psycopg.Connection],
) -> None:
    with connect(OWNER) as owner, connect(APP) as app:
        owner.execute("CREATE TABLE novel AS SELECT 1 AS id")
        owner.execute("ALTER TABLE novel ENABLE ROW LEVEL SECURITY")
        owner.execute("ALTER TABLE novel FORCE ROW LEVEL SECURITY")
        owner.execute(
            "CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER "
            "SET search_path = public, pg_temp AS 'SELECT count(*) FROM novel'"
        )
        owner.execute("ALTER FUNCTION total() OWNER TO morpheus_loader")

        assert app.execute("SELECT total()").fetchone() == (1,)


def test_the_serving_role_sees_figures_of_other_sessions_and_no_text(
    connect: Callable[[str], psycopg.Connection], admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("GRANT pg_read_all_stats TO morpheus_app")  # As it once was.
    ensure_roles(admin_url)

    with connect(OWNER) as owner, connect(APP) as app:
        owner.execute("SELECT 'typed by hand'")

        assert app.execute("SELECT role, state FROM morpheus_sessions()").fetchall() == [
            (OWNER, "idle")
        ]
        activity = "SELECT query FROM pg_stat_activity WHERE pid = %s"
        assert app.execute(activity, [owner.info.backend_pid]).fetchall() == [
            ("<insufficient privilege>",)
        ]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("SELECT * FROM morpheus_sessions()")


def test_other_roles_may_create_nothing(admin_url: str, shared: EmbeddedServices) -> None:
    prepare_database(admin_url, "closed")
    assert rows(
        shared.addresses.database_url("postgres", "closed"),
        "SELECT has_schema_privilege('public', 'public', 'CREATE'), "
        "pg_get_userbyid(datdba), pg_encoding_to_char(encoding) "
        "FROM pg_database WHERE datname = 'closed'",
    ) == [(False, OWNER, "UTF8")]


def test_parallel_workers_prepare_their_databases_at_once(admin_url: str) -> None:
    names = ["test_gw0", "test_gw1", "test_gw2", "test_gw2"]

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: prepare_database(admin_url, name), names))

    records = rows(
        admin_url, "SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY 1"
    )
    assert [name for (name,) in records] == names[:3]


def test_an_administrator_need_not_be_a_superuser(admin_url: str, shared: EmbeddedServices) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        # Until PostgreSQL 15, CREATEROLE may grant the roles of PostgreSQL, too.
        may_grant = admin.info.server_version < 160000
        admin.execute("CREATE ROLE dba LOGIN CREATEDB CREATEROLE BYPASSRLS")
        admin.execute(f"GRANT {OWNER}, {APP}, {LOADER} TO dba WITH ADMIN OPTION")

    notes = ensure_roles(shared.addresses.database_url("dba", "postgres"), "by_dba")

    assert any("pg_stat_statements is not available" in note for note in notes)
    assert may_grant != any("pg_read_all_stats was not granted" in note for note in notes)
    assert rows(
        shared.addresses.database_url(APP, "by_dba"),
        "SELECT has_schema_privilege('public', 'USAGE'), has_schema_privilege('public', 'CREATE')",
    ) == [(True, False)]


def test_a_login_without_rights_is_told_what_to_do(shared: EmbeddedServices) -> None:
    with pytest.raises(RolesUnavailable, match="services roles --sql"):
        ensure_roles(shared.addresses.database_url(APP), "forbidden")


def test_passwords_are_set_where_given(admin_url: str) -> None:
    ensure_roles(admin_url, passwords={APP: "it's secret", OWNER: ""})

    records = rows(
        admin_url,
        "SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'SCRAM%' AND rolname LIKE 'morph%'",
    )
    assert records == [(APP,)]


def test_the_printed_script_does_the_same_on_another_server(var: Path, tmp_path: Path) -> None:
    services = EmbeddedServices(var, wanted=("postgres",), durable=False)
    file = tmp_path / "roles.sql"
    file.write_text(build_script("second"))

    with services:
        admin_url = services.addresses.database_url("postgres", "postgres")
        for _ in range(2):  # It may be run again.
            psql = str(find_paths(var).postgres_home / "bin" / "psql")
            subprocess.run(
                [psql, "--set", "ON_ERROR_STOP=1", "--dbname", admin_url, "--file", str(file)],
                check=True,
                capture_output=True,
                env={"PATH": os.defpath},
            )
        owner_url = services.addresses.database_url(OWNER, "second")
        with psycopg.connect(owner_url) as owner:
            owner.execute("CREATE TABLE novel AS SELECT 1 AS id")
        app_url = services.addresses.database_url(APP, "second")
        assert rows(app_url, "SELECT id FROM novel") == [(1,)]
        assert rows(
            app_url,
            "SELECT count(*) FROM pg_extension WHERE extname IN ('pg_stat_statements', 'unaccent')",
        ) == [(2,)]
