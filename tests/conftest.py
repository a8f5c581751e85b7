"""The test suite's own services and databases, and what most tests start from."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from morpheus.cache.circuit_breaker import circuit_breakers
from morpheus.cache.outbox import drain
from morpheus.cache.store import CacheStore, cache_store
from morpheus.db.transactions import write_transaction
from morpheus.embedded.addresses import Addresses
from morpheus.embedded.roles import prepare_database
from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management.embedded import embedded_services
from tests.visitor import Visitor, counted_queries

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PASSWORD = "correct horse battery staple"

# What a test looks up or changes past everybody's limits.
as_staff = partial(write_transaction, as_staff=True)


def pytest_configure(config: pytest.Config) -> None:
    """Start the services once, in the process that all parallel workers belong to."""
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


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test with the caches of this worker empty, and as after a look at the outbox.

    No thread drains the outbox or looks at gauges, except where a test starts one.
    """
    for breaker in circuit_breakers():
        breaker.record_success()
    for alias in settings.CACHES:
        caches[alias].clear()
    monkeypatch.setattr(
        CacheStore, "_start_listener", lambda cache: cache.resume_reads(time.monotonic())
    )
    monkeypatch.setattr("morpheus.tracing.periodic.start", lambda: None)
    yield
    cache_store().client.close()
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
    """Folder of real novels and comic pages, which is not part of the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip("the folder of real novels and comics is not here")
    return REAL_DATA


@pytest.fixture
def api() -> APIClient:
    """An anonymous API client."""
    return APIClient()


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """An anonymous visitor of what the server serves, past no part of it."""
    # Later connections of this process are for tests, which may take longer.
    monkeypatch.setattr("morpheus.db.statement_settings.set_serving_limits", lambda database: None)
    # Nor does its thread ask the database behind a test's back.
    monkeypatch.setattr("morpheus.tracing.periodic.start", lambda: None)
    from morpheus.wsgi import application

    return Visitor(application)


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """Make a user; `make_user("ann")` has the address ann@example.org."""
    from users.models import User

    numbers = itertools.count(1)

    def make(name: str | None = None, **fields: Any) -> User:
        name = name or f"user{next(numbers)}"
        fields.setdefault("display_name", name.capitalize())
        user: User = User.objects.create_user(f"{name}@example.org", PASSWORD, **fields)
        return user

    return make


@pytest.fixture
def as_user() -> Callable[..., APIClient]:
    """Return a client that sends a bearer token of the given user."""
    from datetime import timedelta

    from django.utils import timezone

    from users.models import AccessToken
    from users.tokens import token_digest, token_secret

    def client(user: Any) -> APIClient:
        secret = token_secret()
        with write_transaction(as_user=user.pk):
            AccessToken.objects.create(
                user=user,
                digest=token_digest(secret),
                expires_at=timezone.now() + timedelta(days=1),
            )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return client


@pytest.fixture
def make_novels(make_user: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Make novels with a finished status, public unless told otherwise; titles are distinct."""
    from novels.models import Novel, ProcessingStatus
    from users.models import belonging_to

    numbers = itertools.count(1)

    def make(count: int = 1, *, owner: Any = None, **fields: Any) -> list[Novel]:
        owner = owner or make_user()
        fields = {"is_public": True, "author": "Somebody"} | fields
        with write_transaction(as_user=owner.pk):
            novels = Novel.objects.bulk_create(
                Novel(**{"title": f"Novel {next(numbers):05}", "owner": owner} | fields)
                for _ in range(count)
            )
            ProcessingStatus.objects.bulk_create(
                ProcessingStatus(
                    novel=novel, state="completed", progress=100, **belonging_to(novel)
                )
                for novel in novels
            )
        return novels

    return make


@pytest.fixture
def make_chapters() -> Callable[..., list[Any]]:
    """Add chapters with their texts to a novel, and make it searchable."""
    from novels.models import Chapter, ChapterText, Novel
    from novels.search import documents_rebuild
    from users.models import belonging_to

    def make(novel: Any, *texts: str, titles: list[str] | None = None) -> list[Chapter]:
        with write_transaction(as_user=novel.owner_id):
            first = novel.chapters.count() + 1
            chapters = Chapter.objects.bulk_create(
                Chapter(
                    novel=novel,
                    number=first + index,
                    title=titles[index] if titles else f"Chapter {first + index}",
                    word_count=len(text.split()),
                    **belonging_to(novel),
                )
                for index, text in enumerate(texts)
            )
            ChapterText.objects.bulk_create(
                ChapterText(chapter=chapter, content=text, **belonging_to(chapter))
                for chapter, text in zip(chapters, texts, strict=True)
            )
            Novel.objects.filter(pk=novel.pk).update(chapter_count=first - 1 + len(texts))
            documents_rebuild(novel_id=novel.pk)
        return chapters

    return make


@pytest.fixture
def connect(transactional_db: None) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Come as psql does: as `app`, `loader`, `owner` or `superuser`, in autocommit."""
    opened = []

    def connect(role: str) -> psycopg.Connection:
        name = connection.settings_dict["NAME"]
        if role == "superuser":
            made = psycopg.connect(administrator_url(), dbname=name, autocommit=True)
        else:
            login = (
                connection.settings_dict
                if role == "app"
                else settings.MORPHEUS_DATABASE_ROLES[role]
            )
            made = psycopg.connect(
                host=login["HOST"],
                port=login["PORT"] or None,
                user=login["USER"],
                password=login["PASSWORD"] or None,
                dbname=name,
                autocommit=True,
            )
        opened.append(made)
        return made

    yield connect
    for made in opened:
        made.close()


@pytest.fixture
def psql(connect: Callable[[str], psycopg.Connection]) -> psycopg.Connection:
    """An operator's connection, with nothing in the outbox yet."""
    connection = connect("superuser")
    # Emptying the tables after the test before is a change, too.
    connection.execute("TRUNCATE cache_outbox")
    return connection


@pytest.fixture
def by_psql(psql: psycopg.Connection) -> Callable[..., None]:
    """Run a statement as an operator does; the cache has heard of it when this returns."""

    def run(statement: Any, *params: Any) -> None:
        psql.execute(statement, params)
        drain(cache_store().invalidate, connection=psql)

    return run


def waiting(opened: psycopg.Connection) -> list[str]:
    """Return the tags in the outbox, in order of their names."""
    return [tag for (tag,) in opened.execute("SELECT tag FROM cache_outbox ORDER BY tag")]


@contextmanager
def touched() -> Iterator[set[str]]:
    """Collect the tags that the block touches, in transactions of ours or in any other."""
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
    """Assert that a request costs the same few statements however many rows there are."""

    def check(request: Callable[[], Any], grow: Callable[[], Any], *, budget: int) -> None:
        request()  # What a process reads once (content types, for one) is not what grows.
        with counted_queries() as few:
            answers = [request()]
        grow()
        with counted_queries() as many:
            answers.append(request())
        assert all(answer.status_code < 400 for answer in answers), answers[1].content
        assert len(few.sql) == len(many.sql), "\n".join(many.sql)
        assert len(many.sql) <= budget, "\n".join(many.sql)

    return check
