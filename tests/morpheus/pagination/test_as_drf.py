"""The behaviour of Django REST framework's cursor pagination that `KeysetPagination` keeps.

docs/pagination.md lists the differences.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count, F, Func, IntegerField, QuerySet
from rest_framework.filters import OrderingFilter
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory

from morpheus.pagination import KeysetPagination
from novels.models import Chapter
from tests.morpheus.pagination.test_keyset import Row, table
from tests.visitor import counted_queries

__all__ = ["table"]  # Every test of this file uses it.

pytestmark = pytest.mark.django_db

# Equal values that fill more than one page: at the beginning, in the middle and at the end.
VALUES = [1] * 7 + [2, 3, 3, 3, 4] + [5] * 12 + [6, 7] + [8] * 9
SIZE = 5


class SmallPages(KeysetPagination):
    """A pagination class as a project declares it that used DRF's class before."""

    page_size: int | None = SIZE
    max_page_size = 12
    ordering: Any = "small"


class RowSerializer(ModelSerializer[Row]):
    class Meta:
        model = Row
        fields = ["id", "small"]


class RowListView(ListAPIView[Row]):
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


def get(
    link: str = "/rows/",
    paginator: type[KeysetPagination] = SmallPages,
    *,
    rows: QuerySet[Any] | None = None,
    view: Any = None,
) -> SimpleNamespace:
    """Return a page's rows, their primary keys, its links and its paginator."""
    used = paginator()
    queryset = Row.objects.all() if rows is None else rows
    page = used.paginate_queryset(queryset, Request(APIRequestFactory().get(link)), view)
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


def order_by(*columns: str) -> type[SmallPages]:
    return type("Ordered", (SmallPages,), {"ordering": columns})


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


@pytest.mark.parametrize("names", [("id", "small", "pk"), (), ("small",), ("text", "big")])
def test_values_are_walked_whatever_columns_they_name(
    rows: list[int], names: tuple[str, ...]
) -> None:
    expected = list(Row.objects.order_by("small", "pk").values(*names))

    assert walk_both_ways(Row.objects.values(*names)) == expected


@pytest.mark.parametrize("columns", [("small",), ("-small", "pk"), ("pk",), ("-id",)])
def test_values_are_walked_in_any_ordering(rows: list[int], columns: tuple[str, ...]) -> None:
    ordering = columns if columns != ("small",) else ("small", "pk")
    expected = list(Row.objects.order_by(*ordering).values("text", "small"))

    met = walk_both_ways(Row.objects.values("text", "small"), paginator=order_by(*columns))

    assert met == expected


def test_named_tuples_are_walked_if_they_have_the_columns(rows: list[int]) -> None:
    met = walk_both_ways(Row.objects.values_list("id", "small", named=True))

    assert [row.id for row in met] == rows


@pytest.mark.parametrize(
    "unsuitable",
    [
        Row.objects.values_list("text", named=True),
        Row.objects.values_list("text", "big"),
        Row.objects.values_list("text", flat=True),
        Row.objects.values("small").distinct(),
        Row.objects.values("small").annotate(number=Count("id")),
    ],
)
def test_rows_without_the_columns_and_without_room_for_them_are_refused(
    rows: list[int], unsuitable: QuerySet[Any]
) -> None:
    with pytest.raises(ImproperlyConfigured, match="to page by: select it"):
        get(rows=unsuitable)


def test_groups_are_walked_by_what_they_are_grouped_by(rows: list[int]) -> None:
    groups = Row.objects.values("small").annotate(number=Count("id"))
    view = SimpleNamespace(orderings={"small": ("small",)})

    met = walk_both_ways(groups, view=view)

    assert [row["small"] for row in met] == sorted(set(VALUES))
    assert all(row["number"] == VALUES.count(row["small"]) for row in met)


@pytest.mark.parametrize("form", [lambda rows: rows, lambda rows: rows.values("id", "twice")])
def test_annotations_may_order_a_list(rows: list[int], form: Callable[[Any], Any]) -> None:
    annotated = Row.objects.annotate(twice=F("small") * 2)

    met = walk_both_ways(form(annotated), paginator=order_by("-twice"))

    assert [getattr(row, "pk", None) or row["id"] for row in met] == list(
        annotated.order_by("-twice", "-pk").values_list("pk", flat=True)
    )


def test_a_walk_by_an_annotation_that_is_null_is_refused_and_loses_no_row(rows: list[int]) -> None:
    null_for_one = Func(F("small"), 1, function="NULLIF", output_field=IntegerField())
    annotated = Row.objects.annotate(maybe_small=null_for_one)

    with pytest.raises(ImproperlyConfigured, match="maybe_small may be NULL"):
        walk_both_ways(annotated, paginator=order_by("maybe_small"))


@pytest.mark.parametrize("form", [lambda rows: rows, lambda rows: rows.values("title")])
def test_columns_of_other_tables_may_order_a_list_at_no_further_query(
    make_novels: Any, make_chapters: Any, form: Callable[[Any], Any]
) -> None:
    for novel in reversed(make_novels(3)):
        make_chapters(novel, *"abcd")
    chapters = form(Chapter.objects.all())
    paginator = order_by("novel__title", "number")
    expected = list(chapters.order_by("novel__title", "number"))

    assert walk_both_ways(chapters, paginator=paginator) == expected
    with counted_queries() as seen:
        page = get(rows=chapters, paginator=paginator)
        get(page.next, rows=chapters, paginator=paginator)
    assert len(seen.sql) == 2


def test_a_foreign_key_orders_by_its_column(make_novels: Any, make_chapters: Any) -> None:
    for novel in make_novels(2):
        make_chapters(novel, *"abcd")

    met = walk_both_ways(Chapter.objects.all(), paginator=order_by("-novel", "number"))

    assert met == list(Chapter.objects.order_by("-novel_id", "number"))


@pytest.mark.parametrize("column", ["maybe", "-maybe"])
def test_a_column_that_may_be_null_is_refused(rows: list[int], column: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Row\.maybe may be NULL; it cannot order"):
        get(paginator=order_by(column))


def test_a_path_over_a_foreign_key_that_may_be_null_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Novel\.genre may be NULL"):
        get(rows=Chapter.objects.all(), paginator=order_by("novel__genre__name"))


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


def test_without_a_parameter_for_it_clients_cannot_choose_the_page_size(rows: list[int]) -> None:
    class Fixed(SmallPages):
        page_size_query_param = None

    assert get("/rows/?page_size=1", Fixed).pks == rows[:SIZE]
    described = Fixed().get_schema_operation_parameters(SimpleNamespace())
    assert [parameter["name"] for parameter in described] == ["cursor"]


def test_the_default_page_size_is_the_project_s() -> None:
    assert KeysetPagination.page_size == settings.REST_FRAMEWORK["PAGE_SIZE"]
    assert KeysetPagination.page_size is CursorPagination.page_size


def test_without_a_page_size_a_list_is_whole_unless_a_client_chooses_one(rows: list[int]) -> None:
    class Unlimited(SmallPages):
        page_size = None

    view = RowListView.as_view(pagination_class=Unlimited)

    whole = view(APIRequestFactory().get("/rows/"))
    page = view(APIRequestFactory().get("/rows/?page_size=3"))

    assert sorted(row["id"] for row in whole.data) == sorted(rows)
    assert [row["id"] for row in page.data["results"]] == rows[:3]


@pytest.mark.parametrize("ordering", ["small", ("small",), ["small"], ("small", "pk")])
def test_a_class_states_its_ordering_in_any_of_drf_s_ways(rows: list[int], ordering: Any) -> None:
    class Ordered(SmallPages):
        pass

    Ordered.ordering = ordering

    assert get(paginator=Ordered).pks == rows[:SIZE]


@pytest.mark.parametrize(
    ("query", "default", "ordering"),
    [
        ("", None, ("small", "pk")),
        ("", "-big", ("-big", "-pk")),
        ("?ordering=-small", None, ("-small", "-pk")),
        ("?ordering=big,-small", None, ("big", "-small", "-pk")),
        ("?ordering=unknown", None, ("small", "pk")),
        ("?ordering=unknown", ("big",), ("big", "pk")),
    ],
)
def test_an_ordering_filter_chooses_the_ordering(
    rows: list[int], query: str, default: Any, ordering: tuple[str, ...]
) -> None:
    view = SimpleNamespace(filter_backends=[OrderingFilter], ordering_fields=["small", "big"])
    view.ordering = default
    expected = list(Row.objects.order_by(*ordering).values_list("pk", flat=True))

    first = get(f"/rows/{query}", view=view)

    assert [pk for page in walk(first, "next", view=view) for pk in page.pks] == expected


def test_without_an_ordering_filter_the_parameter_has_no_effect(rows: list[int]) -> None:
    assert get("/rows/?ordering=-small").pks == rows[:SIZE]


def test_a_view_of_drf_responds_with_next_previous_and_results(rows: list[int]) -> None:
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
    without_template = get(paginator=type("Plain", (SmallPages,), {"template": None}))
    Row.objects.exclude(pk=rows[0]).delete()

    assert first.paginator.display_page_controls
    assert first.next.replace("&", "&amp;") in first.paginator.to_html()
    assert whole.paginator.display_page_controls
    assert not without_template.paginator.display_page_controls
    assert not get().paginator.display_page_controls


def test_the_browsable_api_shows_the_links(rows: list[int]) -> None:
    renderers = (BrowsableAPIRenderer, JSONRenderer)
    view = RowListView.as_view(renderer_classes=renderers)

    response = view(APIRequestFactory().get("/rows/", headers={"Accept": "text/html"}))
    page = response.render().content.decode()

    assert response.data["next"].replace("&", "&amp;") in page
    assert 'class="pager"' in page


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
