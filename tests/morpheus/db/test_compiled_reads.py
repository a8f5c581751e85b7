"""Statements that are compiled once say what Django would say each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection, transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext
from rest_framework.serializers import DateTimeField

from morpheus.api.reads import ListRead, Scope
from morpheus.api.selected_rows import SelectedRows
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.postgresql.times import format_time
from morpheus.pagination import Position
from novels.models import Genre, Novel, ProcessingStatus
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db


def read_rows(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    """Execute a statement as a compiled read does."""
    rows: list[tuple[Any, ...]] = connection.read_rows(sql, params)  # type: ignore[attr-defined]
    return rows


def test_values_of_any_number_and_size_are_one_statement(
    make_novels: Callable[..., list[Any]],
) -> None:
    made = [novel.pk for novel in make_novels(3, is_public=True)]
    read = CompiledRead(
        list, build=lambda ids: Novel.objects.public().of_ids(ids).values_list("pk")
    )

    assert sorted(read.rows(made)) == [(pk,) for pk in sorted(made)]
    assert read.rows([made[0], 2**63 - 1]) == [(made[0],)]
    assert read.rows([]) == []


def test_each_value_goes_where_it_belongs(
    make_novels: Callable[..., list[Any]], make_user: Callable[..., Any]
) -> None:
    ann, bob = make_user(), make_user()
    (novel,) = make_novels(1, owner=ann)
    read = CompiledRead(
        *(int, int),
        build=lambda owner, pk: Novel.objects.filter(pk=pk, owner_id=owner).values_list("pk"),
    )

    assert read.rows(ann.pk, novel.pk) == [(novel.pk,)]
    assert read.rows(bob.pk, novel.pk) == read.rows(novel.pk, ann.pk + 10_000) == []


@pytest.mark.parametrize(
    "build",
    [
        lambda pk: Genre.objects.filter(pk=pk + 1).values_list("pk"),
        lambda pk: Genre.objects.values_list("pk")[: pk % 999],
        lambda pk: Genre.objects.values_list("pk"),
    ],
    ids=["changed", "in the SQL", "unused"],
)
def test_what_depends_on_its_values_otherwise_is_refused(build: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        CompiledRead(int, build=build).rows(1)


def in_full(queryset: QuerySet[Any], *names: str) -> tuple[list[Any], list[str]]:
    with counted_queries() as seen:
        rows = list(queryset.values_list(*names))
    return [tuple(map(as_read, row)) for row in rows], seen.sql


def as_read(value: Any) -> Any:
    """Return a value as a compiled read has it."""
    return format_time(value) if isinstance(value, datetime) else value


def load_compiled(
    queryset: QuerySet[Any],
    *names: str,
    columns: tuple[str, ...],
    position: Any = None,
    backwards: bool = False,
) -> tuple[list[Any], list[str]]:
    selected, load = page_of(queryset, names).page(columns, position, backwards, 3)
    order = [selected.index(name) for name in names]
    with counted_queries() as seen:
        rows = load()
    return [tuple(row[at] for at in order) for row in rows], seen.sql


def page_of(queryset: QuerySet[Any], columns: tuple[str, ...]) -> SelectedRows:
    """Return the rows of a queryset as those of a list."""
    read: Any = ListRead(
        rows=lambda scope: queryset,
        orderings={},
        policy=None,  # type: ignore[arg-type] # nothing is cached
        tags=lambda scope, compared, ordering: [],
        render=lambda page, request: [],
        columns=columns,
    )
    return SelectedRows(read, Scope(), {})


@pytest.fixture
def public(make_novels: Callable[..., list[Any]], make_user: Callable[..., Any]) -> list[Novel]:
    gothic = Genre.objects.get(slug="gothic")
    novels = make_novels(5, owner=make_user(), genre=gothic, author="Ann", is_public=True)
    make_novels(2, author="Bob", is_public=True)
    return novels


@pytest.mark.parametrize("fields", [{}, {"author": "Ann"}, {"genre": "gothic", "author": "Ann"}])
def test_a_page_is_what_the_list_says(public: list[Novel], fields: Any) -> None:
    if "genre" in fields:
        fields = fields | {"genre": Genre.objects.get(slug="gothic")}
    novels = Novel.objects.public().filter(**fields)

    expected = in_full(novels.order_by("-created_at", "-id")[:3], "id", "created_at")

    for _ in range(2):
        assert load_compiled(novels, "id", "created_at", columns=("-created_at", "-id")) == expected


def test_a_page_goes_on_from_its_position_in_both_directions(public: list[Novel]) -> None:
    novels = Novel.objects.public()
    in_order = list(novels.order_by("title", "id").values_list("title", "id"))

    def page(at: int, backwards: bool = False, inclusive: bool = False) -> list[Any]:
        position = Position(backwards, inclusive, in_order[at])
        columns = ("title", "id")
        rows, _ = load_compiled(
            novels, *columns, columns=columns, position=position, backwards=backwards
        )
        return rows

    assert page(1) == in_order[2:5]
    assert page(1, inclusive=True) == in_order[1:4]
    assert page(4, backwards=True) == in_order[3:0:-1]


def test_times_and_flags_are_kept_apart(
    public: list[Novel], make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(1, is_public=False)
    long_ago = Position(False, False, (datetime(2000, 1, 1, tzinfo=UTC), 0))

    def count(flag: bool) -> int:
        novels = Novel.objects.filter(is_public=flag)
        _, load = page_of(novels, ("id",)).page(("created_at", "id"), long_ago, False, 100)
        return len(load())

    assert [count(True), count(False), count(True)] == [7, 0, 7]  # Private ones are invisible.


def test_a_column_of_fewer_bytes_is_compared_with_any_number(public: list[Novel]) -> None:
    states = ProcessingStatus.objects.values_list("pk")
    read = CompiledRead(int, build=lambda progress: states.filter(progress=progress))

    assert len(read.rows(0)) == ProcessingStatus.objects.filter(progress=0).count()
    assert read.rows(2**40) == []


def test_what_a_list_does_besides_is_not_forgotten(public: list[Novel]) -> None:
    named = Novel.objects.public().annotate(by=Concat("author", Value("!"))).filter(by="Ann!")
    few = Novel.objects.public().filter(word_count__lt=0)

    assert len(load_compiled(named, "id", columns=("id",))[0]) == 3
    assert load_compiled(few, "id", columns=("id",))[0] == []


TIMES = (
    "2026-01-02 03:04:05+00",
    "2026-01-02 03:04:05.5+00",
    "2026-01-02 03:04:05.123456+00",
    "2026-01-02 03:04:05.123456+02:30",
    "0987-01-02 03:04:05+00",
)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_times_are_the_text_that_a_serializer_shows(zone: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('timezone', %s, true)", [zone])
        rows = [read_rows("SELECT %s::timestamptz", [time])[0][0] for time in TIMES]

    shown = DateTimeField(format=str(settings.REST_FRAMEWORK["DATETIME_FORMAT"]))
    expected = [shown.to_representation(datetime.fromisoformat(time)) for time in TIMES[:-1]]
    assert rows == [*expected, "0987-01-02T03:04:05.000000Z"]


def test_a_read_is_observed_as_any_statement() -> None:
    with counted_queries() as seen, CaptureQueriesContext(connection) as captured:
        rows = read_rows("SELECT %s::int8", [7])

    assert rows == [(7,)]
    assert seen.sql == ["SELECT %s::int8"]
    assert [query["sql"] for query in captured] == ["SELECT 7::int8"]


def test_a_failed_read_raises_an_error_of_django() -> None:
    with pytest.raises(ProgrammingError), transaction.atomic():
        read_rows("SELECT * FROM missing", [])

    assert read_rows("SELECT 1", []) == [(1,)]
