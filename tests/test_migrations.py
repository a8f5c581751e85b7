"""Rules that every migration keeps, the SQL files that migrations run, and the way back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader

from morpheus.db.roles import connected_as
from morpheus.db.schema import read_sql_file

OURS = ("api", "cache", "worker", "users", "novels", "comics", "reading", "perf")
ROOT = Path(__file__).resolve().parent.parent
SQL_FILES = sorted(
    path
    for path in ROOT.glob("**/sql/*.sql")
    if ".venv" not in path.parts and "-- migrate:up" in path.read_text()
)
FUNCTION = re.compile(r"CREATE (?:FUNCTION|PROCEDURE) (\w+)\(.*?\bAS (\$\w*\$)(.*?)\2", re.DOTALL)
TRIGGER_QUERY = re.compile(
    r"CALL (?:cache_tags_create\('(\w+)'|change_notes_create\('\w+', '(\w+)'"
    r"|row_change_triggers_create\(\s*'\w+', '(\w+)', '[^']+'),\s*\$\$(.*?)\$\$",
    re.DOTALL,
)


def our_migrations() -> list[migrations.Migration]:
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return [migration for (app, _), migration in sorted(disk.items()) if app in OURS]


# What the migrations make, as the catalog has it.
CATALOG = [
    "SELECT polrelid::regclass::text, polname, polcmd, polroles::regrole[]::text, "
    "pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy "
    "ORDER BY 1, 2",
    "SELECT relname, relkind, relrowsecurity, relforcerowsecurity FROM pg_class "
    "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1",
    "SELECT proname, prosecdef, proowner::regrole::text, proacl::text FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace "
    "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e') "
    "ORDER BY 1, 4",
    "SELECT viewname, viewowner, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger "
    "WHERE NOT tgisinternal ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
    "WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) "
    "ORDER BY 1",
]


def read_catalog() -> Any:
    with connected_as("owner"), connection.cursor() as cursor:
        return [cursor.execute(query).fetchall() for query in CATALOG]


@pytest.mark.parametrize("migration", our_migrations(), ids=str)
def test_a_migration_is_named_after_what_it_does_and_says_why(migration: Any) -> None:
    module = __import__(type(migration).__module__, fromlist=["Migration"])

    assert not re.search(r"_auto_|_merge|initial", migration.name)
    assert module.__doc__ and "recover" in module.__doc__


@pytest.mark.parametrize("migration", our_migrations(), ids=str)
def test_hand_written_sql_has_a_way_back(migration: Any) -> None:
    assert all(operation.reversible for operation in migration.operations)


def test_each_sql_file_is_run_by_a_migration() -> None:
    run = {
        operation.sql[0]
        for migration in our_migrations()
        for operation in migration.operations
        if isinstance(operation, migrations.RunSQL)
    }

    for path in SQL_FILES:
        package = ".".join(path.relative_to(ROOT).parent.parent.parts)
        assert read_sql_file(package, path.stem)[0] in run, path


@pytest.mark.django_db
def test_the_sql_files_are_the_functions_of_the_database() -> None:
    bodies: dict[str, str] = {}
    queries: dict[str, str] = {}
    for path in SQL_FILES:
        text = path.read_text()
        bodies |= {name: body for name, _, body in FUNCTION.findall(text)}
        queries |= {
            notes or counts or f"{table}_tags": query
            for table, notes, counts, query in TRIGGER_QUERY.findall(text)
        }

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc "
            "WHERE pronamespace = 'public'::regnamespace AND proname !~ '^morpheus_' "
            "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"
        )
        sources = dict(cursor.fetchall())

    assert sources.keys() == bodies.keys() | queries.keys()
    assert {name: sources[name] for name in bodies} == bodies
    # INSERT, UPDATE and DELETE.
    assert {name: sources[name].count(query) for name, query in queries.items()} == dict.fromkeys(
        queries, 3
    )


@pytest.mark.django_db
def test_the_sql_files_are_the_policies_of_the_database() -> None:
    policies = {
        name for path in SQL_FILES for name in re.findall(r"CREATE POLICY (\w+)", path.read_text())
    }

    with connection.cursor() as cursor:
        cursor.execute("SELECT policyname FROM pg_policies")
        assert {name for (name,) in cursor.fetchall()} == policies


@pytest.mark.django_db
def test_models_and_migrations_agree() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_private_tables_have_forced_row_level_security() -> None:
    private = {
        model._meta.db_table
        for label in ("api", "users", "novels", "comics", "reading", "perf")
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._meta.managed
    } - {
        *("novels_genre", "novels_language", "comics_image", "comics_rendition"),
        *("novels_publiccount", "perf_metricssample"),
    }

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        forced = {name for (name,) in cursor.fetchall()}

    assert private | {"auth_group", "auth_group_permissions"} == forced


@pytest.mark.django_db
def test_the_serving_role_is_bound_by_row_level_security() -> None:
    call_command("check", databases=["default"])


@pytest.mark.django_db
def test_every_ordinary_foreign_key_has_an_index_or_cannot_be_deleted_through() -> None:
    """Deleting a row must not scan another table for references."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND c.confdeltype IN ('c', 'n') AND NOT EXISTS (
                SELECT FROM pg_index i WHERE i.indrelid = c.conrelid
                AND i.indkey[0] = c.conkey[1] AND i.indpred IS NULL)
            """
        )
        missing = cursor.fetchall()

    assert missing == []


def test_every_migration_can_be_reversed_and_applied_again(scratch: Any) -> None:
    call_command("migrate", verbosity=0)
    before = read_catalog()
    for app in ("perf", "reading", "comics", "novels", "users", "cache", "worker"):
        call_command("migrate", app, "zero", verbosity=0)
    bare = read_catalog()
    call_command("migrate", verbosity=0)

    assert not any(
        name.startswith(("users_", "novels_", "comics_", "reading_")) for name, *_ in bare[1]
    )
    assert bare[0] == bare[4] == []
    assert {name for name, *_ in bare[2]} == {"morpheus_replicas", "morpheus_sessions"}
    assert read_catalog() == before


@pytest.mark.parametrize("command", ["migrate", "prepare"])
def test_a_database_of_an_older_version_is_refused_in_one_sentence(
    scratch: Any, command: Any
) -> None:
    call_command("migrate", verbosity=0)
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES "
            "('novels', '0011_search_from_the_newest', now()), "
            "('auth', '0099_of_a_newer_django', now())"
        )
    before = read_catalog()

    with pytest.raises(CommandError) as refusal:
        call_command(command)

    message = str(refusal.value)
    assert "it has the migration novels.0011_search_from_the_newest" in message
    assert "`mv " in message or "DATABASE_URL" in message
    assert message.count(". ") == 0
    assert read_catalog() == before


def test_an_unknown_migration_of_a_package_is_ignored(scratch: Any) -> None:
    call_command("migrate", verbosity=0)
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('auth', '0099_of_a_newer_django', now())"
        )

    call_command("migrate", verbosity=0)
