"""Loops of statements, and statements that were asked twice, are found and counted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path
from prometheus_client import REGISTRY

from morpheus.db.transactions import write_transaction
from novels.models import Genre
from tests.waste import Watch

pytestmark = [pytest.mark.django_db, pytest.mark.wasteful("Waste is what is tested here.")]


def asks(*statements):
    """Make a view that runs statements, each with its parameters."""

    def view(request):
        with connection.cursor() as cursor:
            for sql, *params in statements:
                cursor.execute(sql, params)
        return HttpResponse("done")

    return view


GENRE = "SELECT slug FROM novels_genre WHERE id = %s"
CHANGE = "UPDATE novels_genre SET slug = slug WHERE id = %s"
NEW = "INSERT INTO numbers VALUES (%s)"


def in_two_identities(request):
    for user_id in (1, 2):
        with write_transaction(as_user=user_id), connection.cursor() as cursor:
            cursor.execute(GENRE, [1])
    return HttpResponse("done")


def many_at_once(request):
    with connection.cursor() as cursor:
        cursor.executemany(CHANGE, [(number,) for number in range(5)])
    return HttpResponse("done")


def by_the_orm(request):
    for pk in range(3):
        Genre.objects.filter(pk=pk).first()
    return HttpResponse("done")


views = {
    "loop": asks(*((GENRE, number) for number in range(4))),
    "few": asks((GENRE, 1), (GENRE, 2)),
    "twice": asks((GENRE, 1), ("SELECT 1",), (GENRE, 1)),
    "changed": asks((GENRE, 1), (CHANGE, 1), (GENRE, 1)),
    "writes": asks(*((CHANGE, number) for number in range(3))),
    "identities": in_two_identities,
    "many": many_at_once,
    "orm": by_the_orm,
}
urlpatterns = [path("api/v1/", include([path(f"{name}/", view) for name, view in views.items()]))]


@pytest.fixture
def found(client, settings):
    """Ask a view, and return what it wasted by kind: how many times."""
    settings.ROOT_URLCONF = __name__

    def ask(name):
        with Watch() as watch:
            assert client.get(f"/api/v1/{name}/").status_code == 200
        return {one.kind: one.times for one in watch.wasted}

    return ask


@pytest.mark.parametrize(
    ("name", "wasted"),
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
def test_what_is_wasted(found, name, wasted):
    assert found(name) == wasted


def counted(route, kind):
    labels = {"route": route, "kind": kind}
    return REGISTRY.get_sample_value("morpheus_db_wasted_queries_total", labels) or 0.0


def test_what_could_have_been_spared_is_counted_by_route_and_kind(found):
    before = counted("GET /loop/", "n_plus_one"), counted("GET /twice/", "duplicate")
    found("loop")
    found("twice")

    after = counted("GET /loop/", "n_plus_one"), counted("GET /twice/", "duplicate")
    assert [now - then for now, then in zip(after, before, strict=True)] == [3, 1]


def test_a_developer_is_warned_and_an_operator_is_not(found, settings, caplog):
    found("loop")
    assert not [each for each in caplog.records if each.levelname != "INFO"]

    settings.DEBUG = True
    found("loop")
    assert "GET /loop/ sends a statement 4 times with other values each time" in caplog.text
    assert "SELECT slug FROM novels_genre WHERE id = ?" in caplog.text


def test_a_test_that_meets_waste_is_told_the_route_and_the_statement(client, settings):
    settings.ROOT_URLCONF = __name__
    with Watch() as watch:
        client.get("/api/v1/loop/")

    assert watch.complaint() == (
        "GET /loop/ sends a statement 4 times with other values each time: "
        "SELECT slug FROM novels_genre WHERE id = ?"
    )
