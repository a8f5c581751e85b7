"""N+1 queries and duplicate queries are detected and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from prometheus_client import REGISTRY

from morpheus.db.transactions import write_transaction
from novels.models import Genre
from tests.redundant_queries import RedundantQueryWatch

pytestmark = [pytest.mark.django_db, pytest.mark.redundant_queries("They are the subject.")]


def make_view(*statements: Any) -> Any:
    """Make a view that runs statements, each with its parameters."""

    def view(request: HttpRequest) -> HttpResponse:
        with connection.cursor() as cursor:
            for sql, *params in statements:
                cursor.execute(sql, params)
        return HttpResponse("done")

    return view


GENRE = "SELECT slug FROM novels_genre WHERE id = %s"
CHANGE = "UPDATE novels_genre SET slug = slug WHERE id = %s"
NEW = "INSERT INTO numbers VALUES (%s)"


def in_two_identities(request: HttpRequest) -> HttpResponse:
    for user_id in (1, 2):
        with write_transaction(as_user=user_id), connection.cursor() as cursor:
            cursor.execute(GENRE, [1])
    return HttpResponse("done")


def many_at_once(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.executemany(CHANGE, [(number,) for number in range(5)])
    return HttpResponse("done")


def by_the_orm(request: HttpRequest) -> HttpResponse:
    for pk in range(3):
        Genre.objects.filter(pk=pk).first()
    return HttpResponse("done")


views = {
    "loop": make_view(*((GENRE, number) for number in range(4))),
    "few": make_view((GENRE, 1), (GENRE, 2)),
    "twice": make_view((GENRE, 1), ("SELECT 1",), (GENRE, 1)),
    "changed": make_view((GENRE, 1), (CHANGE, 1), (GENRE, 1)),
    "writes": make_view(*((CHANGE, number) for number in range(3))),
    "identities": in_two_identities,
    "many": many_at_once,
    "orm": by_the_orm,
}
urlpatterns = [path("api/v1/", include([path(f"{name}/", view) for name, view in views.items()]))]


@pytest.fixture
def find_redundant(client: Any, settings: Any) -> Callable[[str], dict[str, int]]:
    """Send a request; return its redundant queries by kind, with the number of executions."""
    settings.ROOT_URLCONF = __name__

    def find(name: str) -> dict[str, int]:
        with RedundantQueryWatch() as watch:
            assert client.get(f"/api/v1/{name}/").status_code == 200
        return {queries.kind: queries.times for queries in watch.redundant}

    return find


@pytest.mark.parametrize(
    ("name", "redundant"),
    [
        ("loop", {"n_plus_one": 4}),
        ("orm", {"n_plus_one": 3}),
        ("writes", {"n_plus_one": 3}),
        ("twice", {"duplicate": 2}),
        ("few", {}),
        ("changed", {}),
        ("identities", {}),
        ("many", {}),
    ],
)
def test_redundant_queries_are_detected(
    find_redundant: Any, name: str, redundant: dict[str, int]
) -> None:
    assert find_redundant(name) == redundant


def read_counter(route: str, kind: str) -> float:
    labels = {"route": route, "kind": kind}
    return REGISTRY.get_sample_value("morpheus_db_wasted_queries_total", labels) or 0.0


def test_avoidable_executions_are_counted_by_route_and_kind(find_redundant: Any) -> None:
    before = read_counter("GET /loop/", "n_plus_one"), read_counter("GET /twice/", "duplicate")
    find_redundant("loop")
    find_redundant("twice")

    after = read_counter("GET /loop/", "n_plus_one"), read_counter("GET /twice/", "duplicate")
    assert [now - then for now, then in zip(after, before, strict=True)] == [3, 1]


def test_only_debug_logs_a_warning(find_redundant: Any, settings: Any, caplog: Any) -> None:
    find_redundant("loop")
    assert not [record for record in caplog.records if record.levelname != "INFO"]

    settings.DEBUG = True
    find_redundant("loop")
    assert "GET /loop/ sends a statement 4 times with different values" in caplog.text
    assert "SELECT slug FROM novels_genre WHERE id = ?" in caplog.text


def test_a_failing_test_names_the_route_and_the_statement(client: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    with RedundantQueryWatch() as watch:
        client.get("/api/v1/loop/")

    assert watch.report() == (
        "GET /loop/ sends a statement 4 times with different values (N+1 queries): "
        "SELECT slug FROM novels_genre WHERE id = ?"
    )
