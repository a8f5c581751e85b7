"""Rules that every migration keeps."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader

OURS = ("cache", "users", "novels", "comics", "perf")
ADDING = (migrations.AddIndex, migrations.AddConstraint)


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
