"""Policies, views and functions go and come back as they were."""

from __future__ import annotations

import os

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from morpheus.db.roles import connected_as
from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import prepare_database

STATE = [
    "SELECT polrelid::regclass::text, polname, polcmd, polroles::regrole[]::text, "
    "pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy "
    "ORDER BY 1, 2",
    "SELECT relname, relkind, relrowsecurity, relforcerowsecurity FROM pg_class "
    "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1",
    "SELECT proname, prosecdef, proowner::regrole::text, proacl::text FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace "
    "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e') "
    "ORDER BY 1, 4",
    "SELECT viewname, viewowner, definition FROM pg_views WHERE schemaname = 'public'",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger "
    "WHERE NOT tgisinternal ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
    "WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) "
    "ORDER BY 1",
]


def state():
    with connected_as("owner"), connection.cursor() as cursor:
        return [cursor.execute(query).fetchall() for query in STATE]


@pytest.fixture
def scratch(django_db_setup, django_db_blocker, monkeypatch):
    """Connect to an empty database of this test's own."""
    admin_url = os.environ.get("DATABASE_ADMIN_URL") or Addresses.under(
        settings.MORPHEUS_VAR
    ).database_url("postgres", "postgres")
    name = f"{connection.settings_dict['NAME']}_scratch"
    prepare_database(admin_url, name)
    with django_db_blocker.unblock():
        connection.close()
        connection.close_pool()
        monkeypatch.setitem(connection.settings_dict, "NAME", name)
        yield
        connection.close()
        connection.close_pool()
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_row_level_security_migrates_back_to_nothing_and_forward_again(scratch):
    call_command("migrate", verbosity=0)
    before = state()
    for app in ("perf", "comics", "novels", "users", "cache"):
        call_command("migrate", app, "zero", verbosity=0)
    bare = state()
    call_command("migrate", verbosity=0)

    assert not any(name.startswith(("users_", "novels_", "comics_")) for name, *_ in bare[1])
    assert bare[0] == bare[4] == []
    assert {name for name, *_ in bare[2]} == {"morpheus_replicas", "morpheus_sessions"}
    assert state() == before
