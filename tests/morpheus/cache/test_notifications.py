"""Which tags PostgreSQL notifies of: what open event streams depend on, at the commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from morpheus.db.transactions import write_transaction
from novels.models import Novel
from novels.services.processing import status_advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard(psql: psycopg.Connection) -> Callable[[], list[str]]:
    """Return the payloads since the last call."""
    psql.execute("LISTEN cache_tags")

    def take() -> list[str]:
        psql.execute("SELECT 1")
        return [each.payload for each in psql.notifies(timeout=0.05)]

    return take


def touch(connect: Callable[[str], psycopg.Connection], *tags: str) -> None:
    connect("app").execute("SELECT cache_touch(%s::text[])", [list(tags)])


def test_a_status_is_told_with_the_owner_of_its_novel(
    make_novels: Callable[..., Any], heard: Callable[[], list[str]]
) -> None:
    [novel] = make_novels()
    heard()

    with write_transaction(as_user=novel.owner_id):
        status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="a", progress=1)
        assert heard() == []
        status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="b", progress=2)

    assert heard() == [f"status:{novel.pk},owner:{novel.owner_id}/states"]


def test_a_rolled_back_change_is_not_told(
    make_novels: Callable[..., Any], heard: Callable[[], list[str]]
) -> None:
    [novel] = make_novels()
    heard()

    with pytest.raises(ZeroDivisionError), write_transaction(as_user=novel.owner_id):
        status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="a", progress=1)
        raise ZeroDivisionError

    assert heard() == []


def test_what_no_stream_shows_is_not_told(
    make_novels: Callable[..., Any], heard: Callable[[], list[str]]
) -> None:
    [novel] = make_novels()
    heard()

    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).update(title="Another title")

    assert heard() == []


@pytest.mark.parametrize(
    ("tags", "payloads"),
    [
        (["all"], ["all"]),
        (["user:7", "name:7"], ["user:7"]),
        (["token:ab", "session:cd"], ["token:ab,session:cd"]),
        (["novel:5", "novel:5/access", "owner:7/novels"], ["novel:5/access,owner:7/novels"]),
        (["novels:all", "search", "owner:7/novels", "chapters:5"], []),
        # More than a notification may contain.
        ([f"status:{number}" for number in range(1, 900)], ["all"]),
    ],
)
def test_tags_that_are_told(
    connect: Any, heard: Callable[[], list[str]], tags: list[str], payloads: list[str]
) -> None:
    touch(connect, *tags)

    assert heard() == payloads
