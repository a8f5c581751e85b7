"""Rules that every migration keeps, and the SQL files that migrations run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader

from morpheus.db.operations import read_sql_file

OURS = ("cache", "users", "novels", "comics", "perf")
ROOT = Path(__file__).resolve().parent.parent
SQL_FILES = sorted(path for path in ROOT.glob("**/sql/*.sql") if ".venv" not in path.parts)
FUNCTION = re.compile(r"CREATE (?:FUNCTION|PROCEDURE) (\w+)\(.*?\bAS (\$\w*\$)(.*?)\2", re.DOTALL)
TRIGGER_QUERY = re.compile(
    r"CALL (?:cache_tags_create\('(\w+)'|change_notes_create\('\w+', '(\w+)'), \$\$(.*?)\$\$",
    re.DOTALL,
)


def our_migrations() -> list[migrations.Migration]:
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return [migration for (app, _), migration in sorted(disk.items()) if app in OURS]


@pytest.mark.parametrize("migration", our_migrations(), ids=str)
def test_a_migration_is_named_after_what_it_does_and_says_why(migration):
    module = __import__(type(migration).__module__, fromlist=["Migration"])

    assert not re.search(r"_auto_|_merge|initial", migration.name)
    assert module.__doc__ and "recover" in module.__doc__


@pytest.mark.parametrize("migration", our_migrations(), ids=str)
def test_hand_written_sql_has_a_way_back(migration):
    assert all(operation.reversible for operation in migration.operations)


def test_each_sql_file_is_run_by_a_migration():
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
def test_the_sql_files_are_the_functions_of_the_database():
    bodies, queries = {}, {}
    for path in SQL_FILES:
        text = path.read_text()
        bodies |= {name: body for name, _, body in FUNCTION.findall(text)}
        queries |= {
            name or f"{table}_tags": query for table, name, query in TRIGGER_QUERY.findall(text)
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
def test_the_sql_files_are_the_policies_of_the_database():
    policies = {
        name for path in SQL_FILES for name in re.findall(r"CREATE POLICY (\w+)", path.read_text())
    }

    with connection.cursor() as cursor:
        cursor.execute("SELECT policyname FROM pg_policies")
        assert {name for (name,) in cursor.fetchall()} == policies


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_private_tables_have_forced_row_level_security():
    private = {
        model._meta.db_table
        for label in ("users", "novels", "comics", "perf")
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._meta.managed
    } - {"novels_genre", "novels_language", "comics_image", "comics_rendition"}

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        forced = {name for (name,) in cursor.fetchall()}

    assert private | {"auth_group", "auth_group_permissions"} == forced


@pytest.mark.django_db
def test_the_serving_role_is_bound_by_row_level_security():
    call_command("check", databases=["default"])


@pytest.mark.django_db
def test_every_ordinary_foreign_key_has_an_index_or_cannot_be_deleted_through():
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
