"""The test suite's own services and databases, and the fixtures of most tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from morpheus.cache.outbox import drain, is_empty
from morpheus.cache.redis_client import server_breaker
from morpheus.cache.store import CacheStore, cache_store
from morpheus.db.transactions import write_transaction
from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import prepare_database
from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.http import log_stream
from morpheus.management.embedded import embedded_services
from morpheus.tracing import events, routes
from tests.factories import PASSWORD as PASSWORD
from tests.factories import ann, as_user, make_chapters, make_novels, make_user  # noqa: F401
from tests.visitor import Visitor, counted_queries

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# For what a test reads or changes without regard to visibility.
as_staff = partial(write_transaction, as_staff=True)


def pytest_configure(config: pytest.Config) -> None:
    """Start the services once, in the parent process of the parallel workers."""
    # `morpheus.wsgi` starts them. Without, each test sees what its requests are observed to do.
    for module in (events, log_stream):
        mock.patch.object(module, "start").start()
    if hasattr(config, "workerinput"):
        return
    services = embedded_services(durable=False)
    if services.wanted:
        config.stash[_services] = services.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if services := config.stash.get(_services, None):
        services.stop()


def administrator_url() -> str:
    """Return a login that may create databases on the server under test."""
    embedded = Addresses.under(settings.MORPHEUS_VAR).database_url("postgres", "postgres")
    return os.environ.get("DATABASE_ADMIN_URL") or embedded


_services = pytest.StashKey[EmbeddedServices]()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Give this worker an empty, migrated database; tests use it as `morpheus_app`."""
    admin_url = administrator_url()
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    prepare_database(admin_url, name)
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
    yield
    with django_db_blocker.unblock():
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def scratch(
    django_db_setup: Any, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Connect to an empty database of the test's own."""
    admin_url = administrator_url()
    name = f"{connection.settings_dict['NAME']}_scratch"
    prepare_database(admin_url, name)
    with django_db_blocker.unblock():
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        monkeypatch.setitem(connection.settings_dict, "NAME", name)
        yield
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test with empty caches, in the state after a drain of the outbox.

    No thread drains the outbox or updates gauges, unless a test starts one.
    """
    server_breaker.record_success()
    for alias in settings.CACHES:
        caches[alias].clear()
    monkeypatch.setattr(
        CacheStore, "_start_listener", lambda cache: cache.resume_reads(time.monotonic())
    )
    monkeypatch.setattr("morpheus.tracing.periodic.start", lambda: None)
    yield
    cache_store().client.close()
    cache_store.cache_clear()


@pytest.fixture
def one_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every request the same id, so that tests can compare whole responses."""
    monkeypatch.setattr(routes, "_random", SimpleNamespace(randbytes=bytes))


@pytest.fixture
def no_cache_server(settings: Any) -> None:
    """Let the cache server be out of reach."""
    nowhere = settings.CACHES["values"] | {"LOCATION": "redis://127.0.0.1:1?db=0"}
    settings.CACHES = settings.CACHES | {"values": nowhere}
    cache_store.cache_clear()


@pytest.fixture(autouse=True)
def no_redundant_queries(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose requests send N+1 or duplicate queries.

    The marker `redundant_queries("why")` allows them.
    """
    from tests.redundant_queries import RedundantQueryWatch

    with RedundantQueryWatch() as watch:
        yield
    if report := watch.report():
        if request.node.get_closest_marker("redundant_queries") is None:
            pytest.fail(report, pytrace=False)


@pytest.fixture
def real_data() -> Path:
    """Return the folder of real novels and comic pages, which is not part of the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip("the folder of real novels and comics is not here")
    return REAL_DATA


@pytest.fixture
def api() -> APIClient:
    """Return an anonymous API client."""
    return APIClient()


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """Return an anonymous client of the whole WSGI application, as the server runs it."""
    # The statements of tests may take longer.
    monkeypatch.setattr("morpheus.db.statement_settings.set_serving_limits", lambda database: None)
    # No thread sends statements beside a test's own.
    monkeypatch.setattr("morpheus.tracing.periodic.start", lambda: None)
    from morpheus.wsgi import application

    return Visitor(application)


@pytest.fixture
def connect(transactional_db: None) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Connect as psql does: as `app`, `loader`, `owner` or `superuser`, in autocommit."""
    connections: list[psycopg.Connection] = []

    def connect(role: str) -> psycopg.Connection:
        name = connection.settings_dict["NAME"]
        if role == "superuser":
            opened = psycopg.connect(administrator_url(), dbname=name, autocommit=True)
        else:
            login = (
                connection.settings_dict
                if role == "app"
                else settings.MORPHEUS_DATABASE_ROLES[role]
            )
            opened = psycopg.connect(
                host=login["HOST"],
                port=login["PORT"] or None,
                user=login["USER"],
                password=login["PASSWORD"] or None,
                dbname=name,
                autocommit=True,
            )
        connections.append(opened)
        return opened

    yield connect
    for opened in connections:
        opened.close()


@pytest.fixture
def psql(connect: Callable[[str], psycopg.Connection]) -> psycopg.Connection:
    """Return an operator's connection; the outbox is empty, and the cache knows the database."""
    connection = connect("superuser")
    is_empty(connection)
    # The clean-up of the previous test has filled it.
    connection.execute("TRUNCATE cache_outbox")
    return connection


@pytest.fixture
def by_psql(psql: psycopg.Connection) -> Callable[..., None]:
    """Run a statement as an operator does, and drain the outbox."""

    def run(statement: Any, *params: Any) -> None:
        psql.execute(statement, params)
        drain(cache_store().invalidate, psql)

    return run


def list_outbox_tags(opened: psycopg.Connection) -> list[str]:
    """Return the tags in the outbox, sorted."""
    return [tag for (tag,) in opened.execute("SELECT tag FROM cache_outbox ORDER BY tag")]


@contextmanager
def collect_tags() -> Iterator[set[str]]:
    """Collect the tags that the block changes, in write transactions or in any other."""
    tags: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cache_outbox")
        cursor.execute("SELECT set_config('app.touches', '', true)")
        yield tags
        cursor.execute(
            "SELECT unnest(string_to_array(current_setting('app.touches', true), ',')) "
            "UNION SELECT tag FROM cache_outbox"
        )
        tags.update(tag for (tag,) in cursor.fetchall() if tag != ".")


@pytest.fixture
def assert_flat_queries() -> Callable[..., None]:
    """Assert that the number of statements of a request does not grow with the rows."""

    def check(request: Callable[[], Any], grow: Callable[[], Any], *, budget: int) -> None:
        request()  # Reads what a process reads only once, for example content types.
        with counted_queries() as few:
            responses = [request()]
        grow()
        with counted_queries() as many:
            responses.append(request())
        assert all(response.status_code < 400 for response in responses), responses[1].content
        assert len(few.sql) == len(many.sql), "\n".join(many.sql)
        assert len(many.sql) <= budget, "\n".join(many.sql)

    return check
