"""The private parts of Django that the paginator uses: derived tables, and reading a queryset."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Count, QuerySet, Value
from django.db.models.functions import Concat

from morpheus.pagination import (
    equality_conditions,
    limit_before_joins,
)
from morpheus.pagination.django_internals import (
    OpaqueValue,
    can_select_more,
    compare_rows,
    equal_rows,
    get_selected_names,
)
from novels.models import Novel
from tests.visitor import counted_queries


@pytest.fixture
def novels(make_novels: Any) -> Any:
    make_novels(5)
    make_novels(3, is_public=False)
    rows = Novel.objects.public().select_related("public_owner", "genre", "language")
    return rows.order_by("-title")


@pytest.mark.django_db
def test_the_rows_and_their_order_are_those_of_the_plain_query(novels: Any) -> None:
    assert list(limit_before_joins(novels, 3)) == list(novels[:3])
    assert list(limit_before_joins(novels, 9)) == list(novels)


@pytest.mark.django_db
def test_a_page_with_joined_rows_is_one_statement(novels: Any) -> None:
    with counted_queries() as seen:
        shown = [
            (novel.public_owner.display_name, novel.genre)
            for novel in limit_before_joins(novels, 3)
        ]

    assert len(shown) == 3
    assert len(seen.sql) == 1


@pytest.mark.django_db
def test_prefetched_and_deferred_columns_stay_so(novels: Any) -> None:
    related = ("genre__slug", "language__code", "public_owner__display_name")
    rows = novels.only("title", "owner", *related).prefetch_related("status")
    (novel, *_) = limit_before_joins(rows, 2)

    assert "synopsis" in novel.get_deferred_fields()
    with counted_queries() as seen:
        assert novel.status.state == "completed"
    assert seen.sql == []


@pytest.mark.django_db
def test_a_page_is_a_derived_table_that_others_are_joined_to(novels: Any) -> None:
    """Fails when a new version of Django compiles the derived table in another way."""
    sql, parameters = limit_before_joins(
        novels.filter(author="An author"), 3
    ).query.sql_with_params()

    tables = sql.partition(" FROM ")[2]
    assert tables.startswith('(SELECT "novels_novel"."id", "novels_novel"."title", ')
    assert tables.count(" WHERE ") == tables.count(' LIMIT 3) "novels_novel" LEFT OUTER JOIN ') == 1
    assert tables.endswith(' ORDER BY "novels_novel"."title" DESC')
    assert parameters == ("An author",)


@pytest.mark.django_db
def test_the_page_can_be_filtered_counted_and_used_in_another_query(novels: Any) -> None:
    page = limit_before_joins(novels, 3)

    assert list(page.filter(title__lt=novels[0].title)) == list(novels[1:3])
    assert list(page.filter(public_owner__display_name="No owner")) == []
    assert (page.count(), page.exists(), page.none().count()) == (3, True, 0)
    assert list(Novel.objects.filter(pk__in=page.values("pk")).order_by("-title")) == list(
        novels[:3]
    )


@pytest.mark.django_db
def test_empty_and_sliced_querysets_have_the_rows_of_the_plain_query(novels: Any) -> None:
    assert list(limit_before_joins(novels.none(), 3)) == []
    assert list(limit_before_joins(novels[1:3], 9)) == list(novels[1:3])


@pytest.mark.django_db
def test_annotations_are_there_and_may_order_the_page(novels: Any) -> None:
    rows = novels.annotate(named=Concat("title", Value("!"))).order_by("-named")

    assert [novel.named for novel in limit_before_joins(rows, 2)] == [
        f"{n.title}!" for n in novels[:2]
    ]
    assert limit_before_joins(rows, 2).values_list("named", "genre")[0] == (
        f"{novels[0].title}!",
        None,
    )


@pytest.mark.django_db
def test_rows_without_joins_are_limited_by_the_plain_query(novels: Any) -> None:
    plain = Novel.objects.public().order_by("title")

    assert str(limit_before_joins(plain, 2).query) == str(plain[:2].query)


@pytest.mark.django_db
def test_the_original_query_does_not_change(novels: Any) -> None:
    before = str(novels.query)
    list(limit_before_joins(novels, 2))

    assert str(novels.query) == before
    assert novels.aggregate(count=Count("pk")) == {"count": 5}


@pytest.mark.django_db
def test_a_filter_over_several_rows_returns_no_row_twice(
    make_novels: Any, make_chapters: Any
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "one", "two")
    rows = Novel.objects.select_related("public_owner", "genre", "language").order_by("id")

    assert len(limit_before_joins(rows.filter(chapters__number__gte=1), 9)) == 2, (
        "as the plain query"
    )
    assert len(limit_before_joins(rows.filter(chapters__number=2), 9)) == 1


@pytest.mark.parametrize(
    ("descending", "inclusive", "operator"),
    [(False, False, ">"), (False, True, ">="), (True, False, "<"), (True, True, "<=")],
)
def test_rows_are_compared_as_rows_with_values_that_the_planner_cannot_see(
    descending: bool, inclusive: bool, operator: str
) -> None:
    condition = compare_rows(
        ["word_count", "id"], (5, 2**40), descending=descending, inclusive=inclusive
    )

    sql, parameters = Novel.objects.filter(condition).query.sql_with_params()

    columns = '("novels_novel"."word_count", "novels_novel"."id")'
    assert f"{columns} {operator} ((SELECT %s), (SELECT %s))" in sql
    assert parameters == (5, 2**40)


def test_equal_rows_are_compared_as_rows() -> None:
    novels = Novel.objects.filter(equal_rows(["title", "id"], ("a", 1)))

    sql, parameters = novels.query.sql_with_params()

    assert '("novels_novel"."title", "novels_novel"."id") = (%s, %s)' in sql
    assert parameters == ("a", 1)


@pytest.mark.parametrize(("value", "field"), [(1, "BigIntegerField"), ("a", "CharField")])
def test_an_integer_of_a_position_is_a_bigint(value: object, field: str) -> None:
    assert type(OpaqueValue(value).output_field).__name__ == field


@pytest.mark.parametrize(
    ("rows", "conditions"),
    [
        (Novel.objects.all(), {}),
        (Novel.objects.filter(is_public=True, owner=3), {"is_public": True, "owner": 3}),
        (Novel.objects.filter(owner=3, title__gt="a"), {"owner": 3}),
        (Novel.objects.exclude(owner=3), {}),
        (Novel.objects.filter(genre__slug="horror"), {}),
        (Novel.objects.filter(owner=3).distinct(), {"owner": 3}),
        (Novel.objects.filter(owner=3).annotate(one=Value(1)), {"owner": 3}),
    ],
)
def test_the_columns_that_a_queryset_compares_for_equality_are_read(
    rows: QuerySet[Novel], conditions: dict[str, object]
) -> None:
    assert equality_conditions(rows) == conditions


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (Novel.objects.all(), None),
        (Novel.objects.only("title"), None),
        ([], None),
        (Novel.objects.values("title", one=Value(1)), {"title", "one"}),
        (Novel.objects.annotate(one=Value(1)).values("title"), {"title"}),
        (Novel.objects.values_list("pk", "owner"), {"pk", "owner"}),
    ],
)
def test_the_names_that_values_select_are_read(rows: object, names: set[str] | None) -> None:
    assert get_selected_names(rows) == names


def test_all_columns_are_selected_by_values_without_names() -> None:
    names = {field.attname for field in Novel._meta.concrete_fields}

    assert get_selected_names(Novel.objects.values()) == names


@pytest.mark.parametrize(
    ("rows", "is_open"),
    [
        (Novel.objects.all(), True),
        (Novel.objects.values("title"), True),
        (Novel.objects.values_list("title", named=True), False),
        (Novel.objects.values("title").distinct(), False),
        (Novel.objects.values("title").annotate(number=Count("pk")), False),
        (Novel.objects.all().union(Novel.objects.all()), False),
    ],
)
def test_rows_have_room_for_a_column_unless_it_changes_them(
    rows: QuerySet[Novel], is_open: bool
) -> None:
    assert can_select_more(rows) == is_open
