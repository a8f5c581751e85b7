"""What Django REST framework promises of its cursor pagination, and ours keeps.

What it does otherwise is listed in docs/pagination.md.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory

from morpheus.pagination import KeysetPagination
from tests.morpheus.pagination.test_keyset import Row, table

__all__ = ["table"]  # Used by every test of this file.

pytestmark = pytest.mark.django_db

# Equal values that fill more than one page: at the beginning, in the middle and at the end.
VALUES = [1] * 7 + [2, 3, 3, 3, 4] + [5] * 12 + [6, 7] + [8] * 9
SIZE = 5


class SmallPages(KeysetPagination):
    """As a project that comes from DRF's class has it."""

    page_size = SIZE
    max_page_size = 12
    ordering: Any = "small"


class RowSerializer(ModelSerializer):
    class Meta:
        model = Row
        fields = ["id", "small"]


class RowListView(ListAPIView):
    queryset = Row.objects.all()
    serializer_class = RowSerializer
    pagination_class = SmallPages
    permission_classes = ()
    authentication_classes = ()


@pytest.fixture
def rows(table: None) -> list[int]:
    """Rows whose primary keys are in another order than their values."""
    Row.objects.bulk_create([Row(small=value) for value in sorted(VALUES, key=lambda v: v % 3)])
    return list(Row.objects.order_by("small", "pk").values_list("pk", flat=True))


def get(link: str = "/rows/", paginator: type[KeysetPagination] = SmallPages) -> SimpleNamespace:
    """Return the primary keys of a page, its links and its paginator."""
    used = paginator()
    found = used.paginate_queryset(Row.objects.all(), Request(APIRequestFactory().get(link)))
    data = used.get_paginated_response([row.pk for row in found]).data
    links = {"next": data["next"], "previous": data["previous"]}
    return SimpleNamespace(pks=data["results"], paginator=used, **links)


def pages(first: SimpleNamespace, direction: str) -> list[SimpleNamespace]:
    """Return all pages from `first` on along `next` or `previous`."""
    met = [first]
    while link := getattr(met[-1], direction):
        met.append(get(link))
    return met


def test_it_is_one_of_drf_s_paginations() -> None:
    assert issubclass(KeysetPagination, CursorPagination)


def test_pages_follow_each_other_whatever_values_are_equal(rows: list[int]) -> None:
    met = pages(get(), "next")

    assert [page.pks for page in met] == [
        rows[start : start + SIZE] for start in range(0, len(rows), SIZE)
    ]
    assert [bool(page.previous) for page in met] == [False] + [True] * (len(met) - 1)
    assert [bool(page.next) for page in met] == [True] * (len(met) - 1) + [False]


def test_the_way_back_has_the_same_pages_with_the_same_neighbours(rows: list[int]) -> None:
    forwards = pages(get(), "next")

    backwards = pages(forwards[-1], "previous")

    assert [page.pks for page in backwards] == [page.pks for page in reversed(forwards)]
    assert backwards[-1].previous is None
    for earlier, later in zip(backwards[1:], backwards, strict=False):
        assert get(earlier.next).pks == later.pks
        assert get(later.previous).pks == earlier.pks


def test_one_may_turn_round_anywhere(rows: list[int]) -> None:
    for page in pages(get(), "next")[1:]:
        before = get(page.previous)
        assert get(get(before.next).previous).pks == before.pks
        assert get(before.next).pks == page.pks


def test_a_cursor_after_all_rows_gives_an_empty_page_that_leads_back(rows: list[int]) -> None:
    last_but_one, last = pages(get(), "next")[-2:]
    Row.objects.filter(pk__in=last.pks).delete()

    empty = get(last_but_one.next)

    assert (empty.pks, empty.next) == ([], None)
    back = get(empty.previous)
    assert back.pks == last_but_one.pks
    assert get(back.next).pks == []


def test_a_cursor_before_all_rows_gives_an_empty_page_that_leads_on(rows: list[int]) -> None:
    first, second = pages(get(), "next")[:2]
    Row.objects.filter(pk__in=first.pks).delete()

    empty = get(second.previous)

    assert (empty.pks, empty.previous) == ([], None)
    assert get(empty.next).pks == second.pks


def test_values_and_not_instances_are_walked_too(rows: list[int]) -> None:
    met, link = [], "/rows/"
    while link:
        paginator = SmallPages()
        request = Request(APIRequestFactory().get(link))
        found = paginator.paginate_queryset(Row.objects.values("id", "small", "pk"), request)
        met += [row["id"] for row in found]
        link = paginator.get_next_link() or ""

    assert met == rows


def test_the_page_size_that_is_asked_for_is_kept_by_the_links(rows: list[int]) -> None:
    first = get("/rows/?page_size=12")

    assert first.pks == rows[:12]
    assert parse_qs(urlsplit(first.next).query)["page_size"] == ["12"]
    assert get(first.next).pks == rows[12:24]


def test_other_parameters_are_kept_by_the_links(rows: list[int]) -> None:
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


def test_without_a_name_for_it_clients_have_no_say_in_the_page_size(rows: list[int]) -> None:
    class Fixed(SmallPages):
        page_size_query_param = None  # type: ignore[assignment]

    assert get("/rows/?page_size=1", Fixed).pks == rows[:SIZE]
    described = Fixed().get_schema_operation_parameters(SimpleNamespace())
    assert [parameter["name"] for parameter in described] == ["cursor"]


@pytest.mark.parametrize("ordering", ["small", ("small",), ["small"], ("small", "pk")])
def test_a_class_states_its_ordering_in_any_of_drf_s_ways(rows: list[int], ordering: Any) -> None:
    class Ordered(SmallPages):
        pass

    Ordered.ordering = ordering

    assert get(paginator=Ordered).pks == rows[:SIZE]


def test_a_view_of_drf_answers_with_next_previous_and_results(rows: list[int]) -> None:
    view = RowListView.as_view()

    first = view(APIRequestFactory().get("/rows/"))
    second = view(APIRequestFactory().get(first.data["next"]))

    assert isinstance(first, Response)
    assert first.data.keys() == {"next", "previous", "results"}
    assert first.data["next"].startswith("http://testserver/rows/?cursor=")
    assert first.data["previous"] is None
    assert [row["id"] for row in second.data["results"]] == rows[SIZE : 2 * SIZE]


def test_the_browsable_page_has_controls_where_there_are_neighbours(rows: list[int]) -> None:
    first = get()
    whole = get("/rows/?page_size=12", type("All", (SmallPages,), {"max_page_size": 100}))
    Row.objects.exclude(pk=rows[0]).delete()

    assert first.paginator.display_page_controls
    assert first.next.replace("&", "&amp;") in first.paginator.to_html()
    assert whole.paginator.display_page_controls
    assert not get().paginator.display_page_controls


def test_the_schema_of_a_page_has_both_links_and_the_rows() -> None:
    of_rows = {"type": "array", "items": {"type": "integer"}}

    schema = SmallPages().get_paginated_response_schema(of_rows)

    assert schema["properties"].keys() == {"next", "previous", "results"}
    assert schema["properties"]["results"] == of_rows
    for name in ("next", "previous"):
        assert schema["properties"][name]["format"] == "uri"
        assert "null" in schema["properties"][name]["type"]
