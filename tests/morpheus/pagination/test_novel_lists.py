"""Keyset pagination over the table of novels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from morpheus.db.transactions import write_transaction
from morpheus.pagination import KeysetPagination, Position
from morpheus.pagination.seek import build_seek_condition
from novels.models import Novel

pytestmark = pytest.mark.django_db

ORDERINGS = {
    "-created_at": ("-created_at", "-id"),
    "created_at": ("created_at", "id"),
    "title": ("title", "id"),
    "-word_count": ("-word_count", "-id"),
}
START = datetime(2026, 1, 1, tzinfo=UTC)


def page(url: Any = "/list/", scope: Any = "", **params: Any) -> Any:
    """Return the ids of a page and the links to its neighbours."""
    request = Request(APIRequestFactory().get(url, params))
    paginator = KeysetPagination()
    view = SimpleNamespace(orderings=ORDERINGS, cursor_scope=scope)
    rows = paginator.paginate_queryset(Novel.objects.public(), request, view)
    body = paginator.get_paginated_response([row.pk for row in rows]).data
    return SimpleNamespace(ids=body["results"], next=body["next"], previous=body["previous"])


def follow(link: Any, **more: Any) -> Any:
    return page(
        **{key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}, **more
    )


def walk(first: Any, direction: Any) -> Any:
    """Return the ids of all pages from `first` on, as a client that follows links meets them."""
    pages, current = [first.ids], first
    while link := getattr(current, direction):
        current = follow(link)
        pages.append(current.ids)
    return pages


@pytest.fixture
def ties(make_user: Any, make_novels: Any) -> Any:
    """Seven novels, four of which have the same time and length."""
    owner = make_user()
    return [
        novel
        for day, words in enumerate([5, 3, 3, 3, 3, 1, 9])
        for novel in make_novels(
            1, owner=owner, word_count=words, created_at=START + timedelta(days=words)
        )
    ]


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_a_walk_meets_every_row_once_forwards_and_backwards(ties: Any, ordering: Any) -> None:
    expected = list(
        Novel.objects.public().order_by(*ORDERINGS[ordering]).values_list("pk", flat=True)
    )

    first = page(ordering=ordering, page_size=2)
    forwards = walk(first, "next")
    last = first
    while last.next:
        last = follow(last.next)
    backwards = walk(last, "previous")

    assert sum(forwards, []) == expected
    assert sum(reversed(backwards), []) == expected
    assert first.previous is None


def test_more_than_a_thousand_equal_values_are_walked(make_novels: Any) -> None:
    make_novels(2100, created_at=START)

    pages = walk(page(page_size=100), "next")

    assert len(set(sum(pages, []))) == 2100 == len(sum(pages, []))


def test_rows_added_and_deleted_during_a_walk_do_not_affect_the_others(
    ties: Any, make_novels: Any
) -> None:
    stays = [novel.pk for novel in ties if novel is not ties[3]]

    first = page(ordering="created_at", page_size=3)
    with write_transaction(as_user=ties[3].owner_id):
        ties[3].delete()
    make_novels(2, created_at=START - timedelta(days=1))
    rest = walk(first, "next")

    met = [pk for pk in sum(rest, []) if pk in stays]
    assert sorted(met) == sorted(stays)
    assert len(met) == len(set(met))


def test_an_emptied_page_still_links_back(ties: Any) -> None:
    first = page(ordering="title", page_size=6)
    with write_transaction(as_user=ties[-1].owner_id):
        ties[-1].delete()

    empty = follow(first.next)

    assert empty.ids == []
    assert empty.next is None
    assert follow(empty.previous).ids == first.ids


def test_an_empty_list_has_no_neighbours() -> None:
    assert vars(page()) == {"ids": [], "next": None, "previous": None}


@pytest.mark.parametrize("cursor", ["", "abc", "a.b", "WzAsMSwyXQ.x", "\x00", "é" * 300])
def test_a_forged_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(ValidationError):
        page(cursor=cursor)


def test_a_cursor_is_bound_to_list_filters_ordering_and_caller(ties: Any) -> None:
    link = page(page_size=2, ordering="title", scope="7").next
    cursor = parse_qs(urlsplit(link).query)["cursor"][0]

    assert page(page_size=3, ordering="title", scope="7", cursor=cursor).ids
    for other in (
        {"ordering": "created_at", "scope": "7"},
        {"ordering": "title", "scope": "8"},
        {"ordering": "title", "scope": "7", "genre": "horror"},
        {"ordering": "title", "scope": "7", "url": "/other/"},
    ):
        with pytest.raises(ValidationError):
            page(cursor=cursor, **other)


def test_a_changed_cursor_is_refused(ties: Any) -> None:
    cursor = parse_qs(urlsplit(page(page_size=2).next).query)["cursor"][0]

    for index in range(len(cursor)):
        changed = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
        with pytest.raises(ValidationError):
            page(page_size=2, cursor=changed)


@pytest.mark.parametrize(
    "size", ["0", "101", "-1", "1.5", "abc", "", "９", "9" * 5000, "00000000100000"]
)
def test_an_impossible_page_size_is_refused(size: Any) -> None:
    with pytest.raises(ValidationError):
        page(page_size=size)


def test_an_unknown_ordering_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError) as error:
        page(ordering="password")

    assert "-word_count" in str(error.value)


def test_a_deep_page_is_found_by_the_index_as_the_serving_role(make_novels: Any) -> None:
    make_novels(3000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE novels_novel")
    last = Novel.objects.public().order_by("-created_at", "-id")[2000]
    paginator = KeysetPagination()
    paginator.columns = ORDERINGS["-created_at"]
    paginator.position = Position(False, False, (last.created_at, last.pk))

    plan = paginator.slice(Novel.objects.public(), False)[:21].explain()

    assert "Index Cond: (ROW(created_at, id) < ROW(" in plan
    assert "Sort" not in plan and "Rows Removed" not in plan


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    days=st.lists(st.integers(0, 4), max_size=25),
    size=st.integers(1, 7),
    ordering=st.sampled_from(sorted(ORDERINGS)),
)
def test_any_list_is_the_concatenation_of_its_pages(
    make_novels: Any, days: Any, size: Any, ordering: Any
) -> None:
    Novel.objects.all().delete()
    owner = None
    for day in days:
        novel = make_novels(1, owner=owner, created_at=START + timedelta(day), word_count=day)[0]
        owner = novel.owner
    expected = list(
        Novel.objects.public().order_by(*ORDERINGS[ordering]).values_list("pk", flat=True)
    )

    met: list[int] = sum(walk(page(page_size=size, ordering=ordering), "next"), [])
    if owner:
        with write_transaction(as_user=owner.pk):
            Novel.objects.all().delete()

    assert met == expected


def test_the_planner_does_not_see_the_values_of_a_cursor() -> None:
    position = Position(False, False, ("at the end", 1))

    plan = Novel.objects.public().filter(build_seek_condition(("title", "id"), position)).explain()

    assert "InitPlan" in plan
    assert "at the end" not in plan
