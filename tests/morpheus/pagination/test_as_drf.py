"""The behaviour of Django REST framework's cursor pagination that `KeysetPagination` keeps.

docs/pagination.md lists the differences.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db.models import QuerySet
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory

from morpheus.pagination import KeysetPagination
from tests.morpheus.pagination.test_keyset import Row, table

__all__ = ["table"]  # Every test of this file uses it.

pytestmark = pytest.mark.django_db

# Equal values that fill more than one page: at the beginning, in the middle and at the end.
VALUES = [1] * 7 + [2, 3, 3, 3, 4] + [5] * 12 + [6, 7] + [8] * 9
SIZE = 5

ORDERINGS = {"small": ("small", "id")}
VIEW = SimpleNamespace(orderings=ORDERINGS)


class SmallPages(KeysetPagination):
    """A pagination class as a project declares it that used DRF's class before."""

    page_size = SIZE
    max_page_size = 12


class RowSerializer(ModelSerializer[Row]):
    class Meta:
        model = Row
        fields = ["id", "small"]


class RowListView(ListAPIView[Row]):
    queryset = Row.objects.all()
    serializer_class = RowSerializer
    pagination_class = SmallPages
    orderings = ORDERINGS
    permission_classes = ()
    authentication_classes = ()


@pytest.fixture
def rows(table: None) -> list[int]:
    """Rows whose primary keys are in another order than their values."""
    Row.objects.bulk_create([Row(small=value) for value in sorted(VALUES, key=lambda v: v % 3)])
    return list(Row.objects.order_by("small", "pk").values_list("pk", flat=True))


def get(
    link: str = "/rows/",
    paginator: type[KeysetPagination] = SmallPages,
    *,
    rows: QuerySet[Any] | None = None,
) -> SimpleNamespace:
    """Return a page's rows, their primary keys, its links and its paginator."""
    used = paginator()
    queryset = Row.objects.all() if rows is None else rows
    page = used.paginate_queryset(queryset, Request(APIRequestFactory().get(link)), VIEW)
    data = used.get_paginated_response(page).data
    pks = [getattr(row, "pk", None) for row in page]
    links = {"next": data["next"], "previous": data["previous"]}
    return SimpleNamespace(rows=page, pks=pks, paginator=used, **links)


def walk(first: SimpleNamespace, direction: str, **options: Any) -> list[SimpleNamespace]:
    """Return all pages from `first` on along `next` or `previous`."""
    pages = [first]
    while link := getattr(pages[-1], direction):
        pages.append(get(link, **options))
    return pages


def walk_both_ways(rows: QuerySet[Any], **options: Any) -> list[Any]:
    """Return the rows of all pages, after a check that the way back meets the same."""
    forwards = walk(get(rows=rows, **options), "next", rows=rows, **options)
    backwards = walk(forwards[-1], "previous", rows=rows, **options)
    assert [page.rows for page in reversed(backwards)] == [page.rows for page in forwards]
    return [row for page in forwards for row in page.rows]


def test_it_is_one_of_drf_s_paginations() -> None:
    assert issubclass(KeysetPagination, CursorPagination)


def test_pages_follow_each_other_whatever_values_are_equal(rows: list[int]) -> None:
    pages = walk(get(), "next")

    assert [page.pks for page in pages] == [
        rows[start : start + SIZE] for start in range(0, len(rows), SIZE)
    ]
    assert [bool(page.previous) for page in pages] == [False] + [True] * (len(pages) - 1)
    assert [bool(page.next) for page in pages] == [True] * (len(pages) - 1) + [False]


def test_the_way_back_has_the_same_pages_with_the_same_neighbours(rows: list[int]) -> None:
    forwards = walk(get(), "next")

    backwards = walk(forwards[-1], "previous")

    assert [page.pks for page in backwards] == [page.pks for page in reversed(forwards)]
    assert backwards[-1].previous is None
    for earlier, later in zip(backwards[1:], backwards, strict=False):
        assert get(earlier.next).pks == later.pks
        assert get(later.previous).pks == earlier.pks


def test_a_client_may_turn_round_anywhere(rows: list[int]) -> None:
    for page in walk(get(), "next")[1:]:
        before = get(page.previous)
        assert get(get(before.next).previous).pks == before.pks
        assert get(before.next).pks == page.pks


def test_a_cursor_after_all_rows_gives_an_empty_page_that_leads_back(rows: list[int]) -> None:
    last_but_one, last = walk(get(), "next")[-2:]
    Row.objects.filter(pk__in=last.pks).delete()

    empty = get(last_but_one.next)

    assert (empty.pks, empty.next) == ([], None)
    back = get(empty.previous)
    assert back.pks == last_but_one.pks
    assert get(back.next).pks == []


def test_a_cursor_before_all_rows_gives_an_empty_page_that_leads_on(rows: list[int]) -> None:
    first, second = walk(get(), "next")[:2]
    Row.objects.filter(pk__in=first.pks).delete()

    empty = get(second.previous)

    assert (empty.pks, empty.previous) == ([], None)
    assert get(empty.next).pks == second.pks


def test_named_tuples_are_walked_if_they_have_the_columns(rows: list[int]) -> None:
    met = walk_both_ways(Row.objects.values_list("id", "small", named=True))

    assert [row.id for row in met] == rows


def test_links_keep_the_page_size(rows: list[int]) -> None:
    first = get("/rows/?page_size=12")

    assert first.pks == rows[:12]
    assert parse_qs(urlsplit(first.next).query)["page_size"] == ["12"]
    assert get(first.next).pks == rows[12:24]


def test_links_keep_other_parameters(rows: list[int]) -> None:
    first = get("/rows/?colour=a%26b&colour=c")

    assert parse_qs(urlsplit(first.next).query)["colour"] == ["a&b", "c"]
    assert urlsplit(first.next).path == "/rows/"
    assert get(first.next).pks == rows[SIZE : 2 * SIZE]


def test_the_names_of_the_parameters_may_be_changed(rows: list[int]) -> None:
    class Renamed(SmallPages):
        cursor_query_param = "from"
        page_size_query_param = "count"

    first = get("/rows/?count=3", Renamed)

    assert set(parse_qs(urlsplit(first.next).query)) == {"count", "from"}
    assert get(first.next, Renamed).pks == rows[3:6]


def test_the_default_page_size_is_the_project_s() -> None:
    assert KeysetPagination.page_size == settings.REST_FRAMEWORK["PAGE_SIZE"]
    assert KeysetPagination.page_size is CursorPagination.page_size


def test_a_view_of_drf_responds_with_next_previous_and_results(rows: list[int]) -> None:
    view = RowListView.as_view()

    first = view(APIRequestFactory().get("/rows/"))
    second = view(APIRequestFactory().get(first.data["next"]))

    assert isinstance(first, Response)
    assert first.data.keys() == {"next", "previous", "results"}
    assert first.data["next"].startswith("http://testserver/rows/?cursor=")
    assert first.data["previous"] is None
    assert [row["id"] for row in second.data["results"]] == rows[SIZE : 2 * SIZE]


def test_a_paginator_tells_whether_it_has_neighbours(rows: list[int]) -> None:
    pages = walk(get(), "next")

    for page in (*pages, get(pages[-1].previous)):
        assert page.paginator.has_next == bool(page.next)
        assert page.paginator.has_previous == bool(page.previous)


def test_the_schema_of_a_page_is_drf_s() -> None:
    rows = {"type": "array", "items": {"type": "integer"}}

    schema = SmallPages().get_paginated_response_schema(rows)

    assert schema == CursorPagination().get_paginated_response_schema(rows)
    assert schema["properties"].keys() == {"next", "previous", "results"}
