"""GET /users/me/dashboard/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import ProcessingStatus

URL = "/api/v1/users/me/dashboard/"

pytestmark = pytest.mark.django_db


def test_the_dashboard_shows_the_users_newest_novels_and_comics_and_totals(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
) -> None:
    ann, ben = make_user(), make_user()
    novels = make_novels(6, owner=ann, is_public=False, word_count=100, chapter_count=2)
    comics = make_comics(6, owner=ann, is_public=False, novel=novels[0])
    add_panel(comics[-1])
    make_novels(owner=ben)
    make_comics(owner=ben)
    with write_transaction(as_user=ann.pk):
        states = ProcessingStatus.objects
        states.filter(novel=novels[-1]).update(state="failed", progress=40, message="Not a book.")
        states.filter(novel=novels[-2]).update(state="processing", stage="parse", progress=60)

    response = as_user(ann).get(URL)

    assert response.status_code == 200
    assert response["Cache-Control"].startswith("private")
    dashboard = response.json()
    assert [novel["id"] for novel in dashboard["novels"]] == [n.pk for n in reversed(novels[1:])]
    status = dashboard["novels"][0]["status"]
    assert (status["state"], status["progress"], status["message"]) == ("failed", 40, "Not a book.")
    assert dashboard["novels"][1]["status"]["stage"] == "parse"
    assert dashboard["novels"][2]["status"]["state"] == "completed"
    assert [comic["id"] for comic in dashboard["comics"]] == [c.pk for c in reversed(comics[1:])]
    assert dashboard["comics"][0]["novel"] == {"id": novels[0].pk, "title": novels[0].title}
    assert dashboard["comics"][0]["thumbnail_url"]
    assert dashboard["totals"] == {
        "novels": 6,
        "novels_unfinished": 1,
        "novels_failed": 1,
        "chapters": 12,
        "words": 600,
        "comics": 6,
        "panels": 1,
    }


def test_a_new_users_dashboard_is_empty(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    dashboard = as_user(make_user()).get(URL).json()

    assert (dashboard["novels"], dashboard["comics"]) == ([], [])
    assert set(dashboard["totals"].values()) == {0}


def test_a_novel_without_a_status_is_shown(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
) -> None:
    ann = make_user()
    (novel,) = make_novels(owner=ann)
    with write_transaction(as_user=ann.pk):
        ProcessingStatus.objects.filter(novel=novel).delete()

    assert as_user(ann).get(URL).json()["novels"][0]["status"] is None


def test_an_anonymous_dashboard_is_refused(api: APIClient, db: None) -> None:
    assert api.get(URL).status_code == 401


def test_the_dashboard_costs_the_same_however_many_rows_there_are(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    assert_flat_queries: Callable[..., None],
) -> None:
    ann = make_user()

    def grow() -> None:
        for novel in make_novels(2, owner=ann):
            (comic,) = make_comics(owner=ann, novel=novel)
            add_panel(comic)

    grow()
    client = as_user(ann)
    # Token, user; the dashboard's five; owners and novels of comics (test_warm.py: none).
    assert_flat_queries(lambda: client.get(URL), grow, budget=9)
