"""Reference tables are kept by django-cachalot, and never longer than they are right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from cachalot.api import get_last_invalidation
from cachalot.cache import cachalot_caches
from cachalot.settings import cachalot_settings
from django.apps import apps
from django.conf import settings as current_settings
from django.db import OperationalError, connection, connections, models, transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce, Random
from rest_framework.exceptions import ValidationError

from morpheus.cache import outbox
from morpheus.cache.dependencies import record_dependencies
from morpheus.cache.store import CacheStore, cache_store
from morpheus.db import replica
from morpheus.django_internals.redis import ServerAddress
from morpheus.tracing.request_trace import REPLICA
from novels.models import Genre, Language, Novel
from novels.reads import genre_id, language_id
from tests.conftest import as_staff
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def cachalot(settings: Any, transactional_db: None) -> Iterator[None]:
    settings.CACHALOT_ENABLED = True
    cachalot_settings.reload()
    yield
    settings.CACHALOT_ENABLED = False
    cachalot_settings.reload()


def statements(work: Callable[[], Any]) -> int:
    with counted_queries() as seen:
        work()
    return len(seen.sql)


def rename(slug: str, to: str) -> None:
    """Change a genre's slug as the admin does."""
    with as_staff():
        assert Genre.objects.filter(slug=slug).update(slug=to) == 1


def names() -> set[str]:
    return set(Genre.objects.values_list("slug", flat=True))


@contextmanager
def held_after_reading(work: Callable[[], Any]) -> Iterator[None]:
    """Let a thread do `work`, and stop it after the database's response."""
    answered, go_on = threading.Event(), threading.Event()

    def hold(execute: Any, *statement: Any) -> Any:
        answer = execute(*statement)
        answered.set()
        assert go_on.wait(10)
        return answer

    def run() -> None:
        with connection.execute_wrapper(hold):
            work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert answered.wait(10)
    yield
    go_on.set()
    thread.join(10)


def test_what_a_filter_asks_for_costs_no_query_once_it_is_known() -> None:
    assert statements(lambda: (genre_id("horror"), language_id("en"))) == 2
    assert statements(lambda: (genre_id("horror"), language_id("en"))) == 0


def test_a_genre_that_is_renamed_is_known_by_its_new_name_alone() -> None:
    known = genre_id("horror")

    rename("horror", to="dread")

    assert genre_id("dread") == known
    with pytest.raises(ValidationError):
        genre_id("horror")


def test_a_result_belongs_to_the_genre_of_its_query(
    api: Any, make_novels: Callable[..., Any]
) -> None:
    make_novels(2, genre=Genre.objects.get(slug="horror"))
    for _ in range(3):
        assert len(api.get("/api/v1/novels/?genre=horror").json()["results"]) == 2

    rename("horror", to="dread")

    assert api.get("/api/v1/novels/?genre=horror").status_code == 400
    assert len(api.get("/api/v1/novels/?genre=dread").json()["results"]) == 2


def test_a_response_depends_on_its_cached_rows() -> None:
    names()

    with record_dependencies() as record:
        names()

    assert record.is_complete
    assert record.versions == cache_store().read_versions(["all"])


def test_a_change_by_psql_is_seen(psql: psycopg.Connection) -> None:
    assert "horror" in names()

    psql.execute("UPDATE novels_genre SET slug = 'dread' WHERE slug = 'horror'")
    outbox.drain(cache_store().invalidate, psql)

    assert {"dread", "horror"} & names() == {"dread"}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_slow_reader_cannot_bring_the_old_value_back(is_known: bool) -> None:
    if is_known:
        Genre.objects.count()  # cachalot knows a time of the table, but no result of the query.

    with held_after_reading(names):
        rename("horror", to="dread")

    assert {"dread", "horror"} & names() == {"dread"}


def test_an_empty_cache_cannot_bring_the_old_value_back() -> None:
    def read_in_transaction() -> None:
        with transaction.atomic():
            names()

    with held_after_reading(read_in_transaction):
        rename("horror", to="dread")
        names()

    assert {"dread", "horror"} & names() == {"dread"}


def test_a_rolled_back_change_is_not_seen() -> None:
    before = names()

    with pytest.raises(ZeroDivisionError), as_staff():
        Genre.objects.filter(slug="horror").delete()
        assert "horror" not in names()
        raise ZeroDivisionError

    assert names() == before


def test_a_transaction_reads_what_it_wrote_and_keeps_nothing() -> None:
    with as_staff():
        Genre.objects.filter(slug="horror").update(slug="dread")
        assert "dread" in names()
        assert statements(names) == 1


def test_rows_come_back_as_they_were() -> None:
    queries: list[Callable[[], Any]] = [
        lambda: list(Language.objects.values_list("id", "code", "search_config")),
        lambda: list(Language.objects.values("code", "name")),
        lambda: [(each.pk, each.code, each.name) for each in Language.objects.all()],
        lambda: Language.objects.filter(code="xx").first(),
        lambda: Language.objects.filter(code__in=["en", "de"]).exists(),
        lambda: list(Language.objects.none()),
        lambda: list(Language.objects.filter(code="xx")),
        lambda: Language.objects.count(),
        lambda: Language.objects.get(code="de"),
    ]
    for query in queries:
        cold = query()
        assert statements(query) == 0
        assert repr(query()) == repr(cold)


def test_the_tables_are_public_and_json_preserves_their_columns() -> None:
    tables = current_settings.CACHALOT_ONLY_CACHABLE_TABLES
    kept = [model for model in apps.get_models() if model._meta.db_table in tables]
    plain = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)

    # Without a table, cachalot would cache all, sessions and users included.
    assert tables and len(kept) == len(tables)
    assert all(isinstance(field, plain) for model in kept for field in model._meta.local_fields)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity FROM pg_class WHERE relname = ANY(%s)", [[*tables]]
        )
        secured = dict(cursor.fetchall())
    assert secured == dict.fromkeys(tables, False)


def test_no_other_table_is_kept(make_novels: Callable[..., Any]) -> None:
    make_novels(1, genre=Genre.objects.get(slug="horror"))
    own = Novel.objects.filter(genre=OuterRef("pk"))
    queries: list[Callable[[], Any]] = [
        lambda: list(Novel.objects.all()),
        lambda: list(Novel.objects.select_related("genre")),
        lambda: list(Genre.objects.annotate(novels=Count(Subquery(own.values("pk"))))),
        lambda: list(Genre.objects.filter(Exists(own))),
        lambda: list(Genre.objects.annotate(any=Exists(own))),
        lambda: list(Genre.objects.filter(pk__in=Novel.objects.values("genre"))),
        lambda: list(Genre.objects.extra(where=["id IN (SELECT genre_id FROM novels_novel)"])),
        lambda: list(Genre.objects.filter(pk=Coalesce(Subquery(own.values("genre")[:1]), 0))),
        lambda: list(Genre.objects.order_by("?")),
        lambda: list(Genre.objects.annotate(chance=Random())),
    ]
    for query in queries:
        query()
        assert statements(query) == 1


def test_while_the_cache_is_not_readable_rows_come_from_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = names()

    monkeypatch.setattr(CacheStore, "_start_listener", lambda cache: None)
    cache_store().suspend_reads()

    assert statements(lambda: names() == before) == 1


def test_a_cache_server_out_of_reach_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    before = names()
    address = ServerAddress("unix:///nowhere", timeout_s=1)
    monkeypatch.setattr(cache_store().client, "_address", address)
    cache_store().client.close()

    assert names() == before
    rename("horror", to="dread")
    assert "dread" in names()


def test_a_replica_that_may_lag_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "reading_alias", lambda: REPLICA)
    router = replica.ReplicaRouter()

    assert router.db_for_read(Genre) == "default"
    assert router.db_for_read(Novel) == "replica"


@pytest.fixture
def pool_of_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have one connection for all."""
    options = connection.settings_dict["OPTIONS"]
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]
    small = options["pool"] | {"min_size": 0, "max_size": 1}
    monkeypatch.setitem(options, "pool", small)
    yield
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]


def test_a_thread_whose_begin_failed_is_well_at_its_next_read(pool_of_one: None) -> None:
    def hold() -> None:
        with connection.cursor():
            held.set()
            assert done.wait(10)
        connections.close_all()

    held, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    # Impatient only now: on a busy machine it takes long to connect.
    pool = connection.pool  # type: ignore[attr-defined]
    patience_s, pool.timeout = pool.timeout, 0.05
    with pytest.raises(OperationalError), transaction.atomic():
        pass
    pool.timeout = patience_s
    done.set()
    thread.join(10)
    # Otherwise there would be nothing to heal, and cachalot has learnt it.
    assert cachalot_caches.atomic_caches["default"]

    names()

    assert not cachalot_caches.atomic_caches["default"]
    rename("horror", to="dread")
    connections.close_all()
    seen: list[Any] = []
    other = threading.Thread(
        target=lambda: seen.extend((get_last_invalidation("novels_genre"), names()))
    )
    other.start()
    other.join(10)
    assert seen[0] > 0
    assert "dread" in seen[1]
