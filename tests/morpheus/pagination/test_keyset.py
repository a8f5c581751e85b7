"""Keyset pagination over a table of its own: limits of types, directions, concurrent changes."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b, sha256
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from morpheus.pagination import KeysetPagination, Position
from morpheus.pagination.cursors import (
    BadCursor,
    CursorSigner,
    decode,
    encode,
)

pytestmark = pytest.mark.django_db


class Row(models.Model):
    id = models.BigAutoField(primary_key=True)
    big = models.BigIntegerField(default=0)
    small = models.IntegerField(default=0)
    text = models.TextField(default="", db_collation="C")
    moment = models.DateTimeField(default=datetime(2026, 1, 1, tzinfo=UTC))
    day = models.DateField(default=date(2026, 1, 1))
    amount = models.DecimalField(max_digits=30, decimal_places=10, default=0)
    key = models.UUIDField(default=UUID(int=0))
    flag = models.BooleanField(default=False)
    maybe = models.IntegerField(null=True)

    objects: ClassVar[models.Manager[Row]]

    class Meta:
        app_label = "keyset_tests"
        managed = False
        db_table = "keyset_rows"

    def __str__(self) -> str:
        return str(self.pk)


@pytest.fixture(autouse=True)
def table(db: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE keyset_rows (id bigserial PRIMARY KEY, big bigint, "
            'small integer, text text COLLATE "C", moment timestamptz, day date, '
            "amount numeric(30, 10), key uuid, flag boolean, maybe integer) ON COMMIT DROP"
        )


def page(columns: Any, *, rows: Any = None, **params: Any) -> Any:
    request = Request(APIRequestFactory().get("/rows/", params))
    paginator = KeysetPagination()
    view = SimpleNamespace(orderings={"by": columns})
    rows = Row.objects.all() if rows is None else rows
    page_rows = paginator.paginate_queryset(rows, request, view)
    body = paginator.get_paginated_response([row.pk for row in page_rows]).data
    return SimpleNamespace(ids=body["results"], next=body["next"], previous=body["previous"])


def follow(link: Any, columns: Any) -> Any:
    values = {name: texts[0] for name, texts in parse_qs(urlsplit(link).query).items()}
    return page(columns, **values)


def walk(first: Any, direction: Any, columns: Any) -> Any:
    pages = [first.ids]
    while link := getattr(first, direction):
        first = follow(link, columns)
        pages.append(first.ids)
    return pages


def last_page(first: Any, columns: Any) -> Any:
    while first.next:
        first = follow(first.next, columns)
    return first


def list_pks(columns: Any) -> Any:
    return list(Row.objects.order_by(*columns).values_list("pk", flat=True))


LIMITS: dict[str, list[Any]] = {
    "big": [-(2**63), -1, 0, 1, 2**63 - 1],
    "text": ["", " ", "Zebra", "apple", "Äpfel", "ß", "日本", "\U0010ffff", "x" * 300, "a'b\"c\\"],
    "moment": [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    "day": [date(1, 1, 1), date(2026, 2, 28), date(9999, 12, 31)],
    "amount": [Decimal("-99999999999999999999.9999999999"), Decimal("0.0000000001"), Decimal(7)],
    "key": [UUID(int=0), UUID(int=1), UUID(int=2**128 - 1)],
    "flag": [False, True],
}


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("column", LIMITS)
def test_values_at_the_limits_of_their_type_are_walked_both_ways(column: Any, sign: Any) -> None:
    for value in LIMITS[column] * 2:  # Each twice: ties at the limits.
        Row.objects.create(**{column: value})
    columns = (f"{sign}{column}", f"{sign}id")

    first = page(columns, page_size=1)
    forwards: list[int] = sum(walk(first, "next", columns), [])
    backwards = walk(last_page(first, columns), "previous", columns)

    assert forwards == list_pks(columns)
    assert sum(reversed(backwards), []) == forwards


MIXED = [
    ("-small", "text", "id"),
    ("small", "-text", "-big", "id"),
    ("-flag", "small", "-id"),
]


@pytest.mark.parametrize("columns", MIXED)
def test_directions_may_be_mixed(columns: Any) -> None:
    for number in range(60):
        Row.objects.create(
            small=number % 3, text=str(number % 4), big=number % 5, flag=number % 2 == 0
        )

    first = page(columns, page_size=7)
    forwards: list[int] = sum(walk(first, "next", columns), [])
    backwards = walk(last_page(first, columns), "previous", columns)

    assert forwards == list_pks(columns)
    assert sum(reversed(backwards), []) == forwards


@pytest.mark.parametrize(
    ("columns", "condition"),
    [
        (("-small", "-id"), "(ROW(small, id) < ROW("),
        (("-small", "text", "id"), "(small <= "),
        (("small", "text", "id"), "(ROW(small, text, id) > ROW("),
    ],
)
def test_an_index_of_the_same_directions_serves_any_depth(columns: Any, condition: Any) -> None:
    terms = ", ".join(
        f"{column.removeprefix('-')} {'DESC' if column[0] == '-' else 'ASC'}" for column in columns
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO keyset_rows (small, text) SELECT n / 5, n % 7 FROM generate_series(1, "
            "20000) n"
        )
        cursor.execute(f"CREATE INDEX ON keyset_rows ({terms})")
        cursor.execute("ANALYZE keyset_rows")
    paginator = KeysetPagination()
    paginator.columns = columns
    middle = Row.objects.order_by(*columns)[15_000]
    values = tuple(getattr(middle, column.removeprefix("-")) for column in columns)
    paginator.position = Position(False, False, values)

    plan = json.loads(
        paginator.slice(Row.objects.all(), False)[:21].explain(format="json", analyze=True)
    )

    # The other nodes are the values of the position, which the planner does not see.
    [node] = [each for each in plan[0]["Plan"]["Plans"] if "Relation Name" in each]
    assert condition in node["Index Cond"]
    assert node["Node Type"] == "Index Scan"
    # The filter removes only rows that share the first value with the position.
    assert node.get("Rows Removed by Filter", 0) <= 5


def test_five_thousand_equal_values_are_walked() -> None:
    Row.objects.bulk_create([Row() for _ in range(5000)])
    columns = ("small", "id")

    pages = walk(page(columns, page_size=100), "next", columns)

    assert sum(pages, []) == list_pks(columns)
    assert len(pages) == 50


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.integers(0, 30)),
    ),
    max_size=4,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.lists(st.integers(0, 3), max_size=20),
    between=st.lists(OPERATIONS, min_size=1, max_size=12),
    size=st.integers(1, 5),
    columns=st.sampled_from([("small", "id"), ("-small", "-id"), ("-small", "id")]),
    backwards=st.booleans(),
)
def test_a_walk_meets_rows_that_exist_throughout_exactly_once(
    values: Any, between: Any, size: Any, columns: Any, backwards: Any
) -> None:
    Row.objects.all().delete()
    Row.objects.bulk_create([Row(small=value) for value in values])
    direction = "previous" if backwards else "next"
    current = page(columns, page_size=size)
    if backwards:
        current = last_page(current, columns)
    stays, steps = set(list_pks(columns)), iter(between)

    # A list's last page has no previous neighbour of its own, so going back begins with it.
    met = list(current.ids)
    while link := getattr(current, direction):
        for action, number in next(steps, []):
            if action == "insert":
                Row.objects.create(small=number)
            elif here := list_pks(columns):
                deleted = here[number % len(here)]
                Row.objects.filter(pk=deleted).delete()
                stays.discard(deleted)
        current = follow(link, columns)
        met += current.ids

    assert len(met) == len(set(met))
    assert stays <= set(met)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.integers(0, 2), max_size=20), size=st.integers(1, 6))
def test_the_page_before_the_next_page_is_this_page(values: Any, size: Any) -> None:
    Row.objects.all().delete()
    Row.objects.bulk_create([Row(small=value) for value in values])
    columns = ("-small", "id")
    current = page(columns, page_size=size)

    while current.next:
        following = follow(current.next, columns)
        assert follow(following.previous, columns).ids == current.ids
        current = following


def test_a_class_may_state_its_ordering_as_drf_does() -> None:
    Row.objects.bulk_create([Row(small=n // 2) for n in range(6)])

    class Newest(KeysetPagination):
        ordering = "-small"
        page_size = 4

    request = Request(APIRequestFactory().get("/rows/"))
    paginator = Newest()
    rows = paginator.paginate_queryset(Row.objects.all(), request, SimpleNamespace())

    assert [row.pk for row in rows] == list_pks(("-small", "-id"))[:4]
    assert paginator.display_page_controls
    assert paginator.get_html_context()["next_url"] == paginator.get_next_link()


def test_the_page_size_may_change_during_a_walk() -> None:
    Row.objects.bulk_create([Row() for _ in range(10)])
    columns = ("small", "id")
    first = page(columns, page_size=3)
    values = {name: texts[0] for name, texts in parse_qs(urlsplit(first.next).query).items()}

    second = page(columns, **(values | {"page_size": "5"}))

    assert first.ids + second.ids == list_pks(columns)[:8]


def test_a_nullable_column_is_refused_because_a_walk_would_lose_rows() -> None:
    with pytest.raises(ImproperlyConfigured, match="maybe may be NULL"):
        page(("maybe", "id"))


def test_values_that_compare_inexactly_are_refused_in_a_cursor() -> None:
    for value in (1.5, None, b"bytes"):
        with pytest.raises(TypeError, match="NOT NULL"):
            encode(Position(False, False, (value,)), CursorSigner(["list"]))


def test_a_cursor_of_a_time_and_an_id_has_at_most_65_bytes() -> None:
    position = Position(False, False, (datetime(2026, 11, 23, 4, 5, 6, 789, tzinfo=UTC), 10**7))

    assert len(encode(position, CursorSigner(["list"]))) <= 65


def test_a_cursor_of_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = CursorSigner(["list"])
    old = encode(Position(False, False, (1,)), signer)
    monkeypatch.setattr("morpheus.pagination.cursors.FORMAT", 2)

    assert decode(old, signer, 1).values == (1,)
    with pytest.raises(BadCursor):
        decode(old, CursorSigner(["list"]), 1)


def test_a_cursor_is_signed_by_the_key_that_django_derives(settings: Any) -> None:
    for secret in ("one secret", "another"):
        settings.SECRET_KEY = secret
        signer = CursorSigner(["list"])
        key = sha256(f"{signer.salt!s}signer{secret}".encode()).digest()
        mac = blake2b(b"text", key=key, digest_size=16).digest()

        assert signer.sign("text") == f"text.{urlsafe_b64encode(mac).decode().rstrip('=')}"


def test_cursors_of_a_rotated_secret_are_valid_while_it_is_a_fallback(settings: Any) -> None:
    columns = ("small", "id")
    Row.objects.bulk_create([Row() for _ in range(3)])
    link = page(columns, page_size=1).next
    settings.SECRET_KEY, old = "new", settings.SECRET_KEY
    settings.SECRET_KEY_FALLBACKS = [old]

    assert follow(link, columns).ids == list_pks(columns)[1:2]

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ValidationError):
        follow(link, columns)
