"""Many values at once, as one parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from comics.services.comics import comic_set_visibility
from comics.services.images import images_delete_unused
from morpheus.db.compiled_reads import AnyOf
from novels.models import Novel
from novels.services.novels import novel_set_visibility

pytestmark = pytest.mark.django_db

# Of these PostgreSQL takes 65,535 as parameters.
MANY = range(1, 70_001)


def test_any_of_the_values_is_found_and_none_of_none(make_novels: Callable[..., list[Any]]) -> None:
    first, _, third = (novel.pk for novel in make_novels(3))

    assert {novel.pk for novel in Novel.objects.filter(AnyOf("pk", [third, first]))} == {
        first,
        third,
    }
    assert not Novel.objects.filter(AnyOf("pk", [])).exists()
    assert Novel.objects.exclude(AnyOf("pk", [first, third])).count() == 1


def test_however_many_there_are_it_is_one_prepared_statement(db: None) -> None:
    for count in range(1, 13):
        list(Novel.objects.filter(AnyOf("pk", range(count))).values_list("pk"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ANY(%'")
        assert cursor.fetchone() == (1,)


def test_the_index_finds_them_as_the_serving_role(make_novels: Callable[..., list[Any]]) -> None:
    make_novels(500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE novels_novel")

    plan = Novel.objects.filter(AnyOf("pk", [1, 2, 3])).explain()

    assert "Index Cond: (id = ANY (" in plan


@pytest.mark.parametrize(
    "change",
    [
        lambda: novel_set_visibility(novel_ids=MANY, is_public=True),
        lambda: comic_set_visibility(comic_ids=[*MANY], is_public=True),
        lambda: images_delete_unused(image_ids=[*MANY]),
    ],
)
def test_a_service_takes_more_of_them_than_postgresql_takes_parameters(
    change: Callable[[], int],
) -> None:
    assert change() == 0
