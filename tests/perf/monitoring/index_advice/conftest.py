"""A seeded database from which an index is taken, and the statements that miss it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from morpheus.db.roles import connected_as
from perf.lab.plans import writes
from perf.lab.plans.pages import asked
from perf.monitoring.index_advice.workload import Asked, Workload
from perf.monitoring.list_routes import combinations
from tests.conftest import administrator_url
from tests.perf.lab.plans.conftest import seeded

__all__ = ["seeded"]


@pytest.fixture
def unblocked(seeded: None, django_db_blocker: Any) -> Iterator[None]:
    """Use the seeded database, without a transaction around the test."""
    with django_db_blocker.unblock():
        yield


def owner_runs(*statements: str) -> None:
    with connected_as("owner"), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def dropped(unblocked: None) -> Iterator[Callable[[str], None]]:
    """Drop an index; it is there again after the test."""
    definitions = {}

    def drop(name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
            definitions[name] = cursor.fetchone()[0]
        owner_runs(f"DROP INDEX {name}")

    yield drop
    for name, definition in definitions.items():
        owner_runs(f"DROP INDEX IF EXISTS {name}", definition)


@pytest.fixture
def undeclared(
    dropped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Take an index from its model, too, as if nobody had thought of it; return it."""

    def take(model: Any, name: str) -> Any:
        kept = [index for index in model._meta.indexes if index.name != name]
        (index,) = (index for index in model._meta.indexes if index.name == name)
        monkeypatch.setattr(model._meta, "indexes", kept)
        dropped(name)
        return index

    return take


def work_of(path: str, *orderings: str, filters: set[str] | None = None) -> Workload:
    """Return the statements of some combinations of a list."""
    found = [
        Asked(f"GET {one}, {name}", statement, pages.user_id)
        for one in combinations()
        if one.route.path == path
        and one.ordering in orderings
        and {*one.filters} == (filters or set())
        for pages in [asked(one)]
        for name, statement in pages.statements.items()
    ]
    assert found
    return Workload(found, [])


def loaded(text: str, app: str) -> Migration:
    """Return the migration that a printed text is."""
    space: dict[str, Any] = {}
    exec(text, space)  # noqa: S102 - our own text
    migration: Migration = space["Migration"]("printed", app)
    return migration


def applied(migration: Migration, without: tuple[str, str, str] | None = None) -> ProjectState:
    """Apply a migration after all of ours, as `migrate` does; return the state of the models.

    Args:
        without: App, model and name of an index that the migrations before do not have.
    """
    state = MigrationLoader(None).project_state()
    if without is not None:
        app, model, name = without
        options = state.models[app, model].options
        options["indexes"] = [index for index in options["indexes"] if index.name != name]
    with connected_as("owner"), connection.schema_editor(atomic=migration.atomic) as editor:
        return migration.apply(state, editor)


@contextmanager
def client(role: str) -> Iterator[psycopg.Connection]:
    """Come as psql does, as `app` or `superuser`."""
    login = connection.settings_dict
    if role == "superuser":
        opened = psycopg.connect(administrator_url(), dbname=login["NAME"], autocommit=True)
    else:
        opened = psycopg.connect(
            host=login["HOST"],
            port=login["PORT"] or None,
            user=login["USER"],
            password=login["PASSWORD"] or None,
            dbname=login["NAME"],
            autocommit=True,
        )
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(autouse=True)
def short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure on few rows: whether it is right, not how fast."""
    monkeypatch.setattr(writes, "ROWS", 300)
    monkeypatch.setattr(writes, "SAMPLED_ROWS", 1000)
    monkeypatch.setattr(writes, "REPEATS", 1)
