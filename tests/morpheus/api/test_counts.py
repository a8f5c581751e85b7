"""`Prefer: count=exact|estimated` on lists: numbers, headers, cost, caching and visibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from morpheus.api import counts, page_jumps
from morpheus.api.selected_rows import SelectedRows
from morpheus.cache.response_keys import read_count_preference
from novels.models import Genre, Novel
from tests.conftest import as_staff
from tests.factories import secret_of
from tests.visitor import Visitor, VisitorResponse

pytestmark = pytest.mark.django_db(transaction=True)

NOVELS = "/api/v1/novels/"
EXACT, ESTIMATED = "count=exact", "count=estimated"


@pytest.fixture(autouse=True)
def no_list_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_too_long", {})


def get(visitor: Visitor, url: str, prefer: str, **environ: str) -> VisitorResponse:
    return visitor.get(url, HTTP_PREFER=prefer, **environ)


def read_count(response: VisitorResponse) -> tuple[int | None, str | None]:
    """Return the count of a body, and the preference that was applied."""
    assert response.status == 200
    return response.json().get("count"), response.headers.get("Preference-Applied")


@pytest.mark.parametrize(
    "header, expected",
    [
        ("count=exact", "exact"),
        ("Count = Estimated ; x=1", "estimated"),
        ('respond-async, count="exact", wait=5', "exact"),
        ("count=estimated, count=exact", "estimated"),
        ("count=planned, count=exact", ""),
        ("counts=exact", ""),
        ("count", ""),
        ("," * 5000 + "count=exact", ""),
        ("", ""),
    ],
)
def test_the_header_is_read_as_the_rfc_says(header: str, expected: str) -> None:
    assert read_count_preference(header) == expected


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_list_has_its_count_only_on_request(
    visitor: Visitor, make_novels: Callable[..., list[Any]], settings: Any, is_cached: bool
) -> None:
    settings.MORPHEUS_CACHE = is_cached
    make_novels(23)
    make_novels(2, is_public=False)
    url = f"{NOVELS}?page_size=5"

    for _ in range(2):
        assert read_count(visitor.get(url)) == (None, None)
        assert read_count(get(visitor, url, EXACT)) == (23, EXACT)
        assert read_count(get(visitor, url, ESTIMATED)) == (23, ESTIMATED)
        assert read_count(get(visitor, url, "count=planned, respond-async")) == (None, None)
    assert [*get(visitor, url, EXACT).json()] == ["count", "next", "previous", "results"]


def test_responses_vary_by_the_preference_and_are_stored_for_each(
    visitor: Visitor, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(3)
    responses = [visitor.get(NOVELS), get(visitor, NOVELS, EXACT), get(visitor, NOVELS, ESTIMATED)]

    assert all("Prefer" in each.headers["Vary"] for each in responses)
    assert len({each.headers["ETag"] for each in responses}) == 2
    assert visitor.get(NOVELS).body == responses[0].body
    for prefer in (EXACT, 'wait=1, COUNT="exact"'):
        again = get(visitor, NOVELS, prefer)
        assert again.was_cached and again.body == responses[1].body
    # A preference without an effect shares the plain response.
    assert get(visitor, NOVELS, "respond-async").was_cached
    etag = responses[1].headers["ETag"]
    assert get(visitor, NOVELS, EXACT, HTTP_IF_NONE_MATCH=etag).status == 304
    assert visitor.get(NOVELS, HTTP_IF_NONE_MATCH=etag).status == 200


def test_an_exact_count_is_never_stale(
    visitor: Visitor, make_novels: Callable[..., list[Any]]
) -> None:
    novels = make_novels(5)
    assert read_count(get(visitor, NOVELS, EXACT))[0] == 5

    make_novels(2)
    assert read_count(get(visitor, NOVELS, EXACT))[0] == 7
    with as_staff():
        Novel.objects.filter(pk=novels[0].pk).update(is_public=False)
    assert read_count(get(visitor, NOVELS, EXACT))[0] == 6


def test_a_genre_is_counted_by_the_number_that_triggers_keep(
    visitor: Visitor, make_novels: Callable[..., list[Any]]
) -> None:
    gothic = Genre.objects.get(slug="gothic")
    make_novels(4, genre=gothic)
    make_novels(3)
    visitor.get(f"{NOVELS}?genre=gothic")

    response = get(visitor, f"{NOVELS}?genre=gothic", EXACT)

    assert read_count(response) == (4, EXACT)
    assert [sql for sql in response.queries if "novels_publiccount" in sql]
    assert not [sql for sql in response.queries if "count(*)" in sql]
    other = get(visitor, f"{NOVELS}?genre=horror&author=Somebody", EXACT)
    assert other.status == 400
    assert read_count(get(visitor, f"{NOVELS}?author=Somebody", EXACT)) == (7, EXACT)


def test_own_rows_and_those_of_a_private_parent_are_counted_for_their_owner_alone(
    visitor: Visitor,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> None:
    ann, bob = make_user(), make_user()
    (novel,) = make_novels(1, owner=ann, is_public=False)
    make_novels(2, owner=ann)
    make_novels(1, owner=bob, is_public=False)
    make_chapters(novel, "One.", "Two.")
    tokens = {user: f"Bearer {secret_of(as_user(user))}" for user in (ann, bob)}

    def count(user: Any, url: str) -> tuple[int | None, str | None]:
        return read_count(get(visitor, url, EXACT, HTTP_AUTHORIZATION=tokens[user]))

    for _ in range(2):
        assert count(ann, f"{NOVELS}?owner=me") == (3, EXACT)
        assert count(bob, f"{NOVELS}?owner=me") == (1, EXACT)
        assert count(ann, f"{NOVELS}{novel.pk}/chapters/") == (2, EXACT)
        assert read_count(get(visitor, NOVELS, EXACT)) == (2, EXACT)
        foreign = f"{NOVELS}{novel.pk}/chapters/"
        assert get(visitor, foreign, EXACT, HTTP_AUTHORIZATION=tokens[bob]).status == 404


def test_a_count_that_takes_too_long_becomes_an_estimate_and_is_not_repeated(
    visitor: Visitor, make_novels: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_novels(6)
    # Shorter than any statement with a sleep, which a slow count stands for.
    monkeypatch.setattr(counts, "_LIMIT_S", 0.05)
    slow = "SELECT count(*), pg_sleep(0.5) FROM ({} LIMIT %s) listed"
    exact = counts._count_exactly

    def count_slowly(*arguments: Any) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(counts, "_COUNT", slow)
            return exact(*arguments)

    monkeypatch.setattr(counts, "_count_exactly", count_slowly)

    first = get(visitor, NOVELS, EXACT)
    make_novels(1)
    second = get(visitor, NOVELS, EXACT)

    assert read_count(first) == (6, ESTIMATED)
    assert read_count(second) == (7, ESTIMATED)
    assert [sum("pg_sleep" in sql for sql in each.queries) for each in (first, second)] == [1, 0]


def test_another_failure_of_the_database_is_no_estimate(
    visitor: Visitor, make_novels: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_novels(1)

    def fail(*arguments: Any) -> Any:
        def load() -> Any:
            raise OperationalError("lost")

        return load

    monkeypatch.setattr(SelectedRows, "keys", fail)

    assert get(visitor, NOVELS, EXACT).status == 503


def test_an_estimate_of_a_long_list_counts_signposts(
    visitor: Visitor, make_novels: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (page_jumps, counts):
        monkeypatch.setattr(module, "STEP", 4)
    make_novels(14)

    first = get(visitor, NOVELS, ESTIMATED)
    again = get(visitor, NOVELS, ESTIMATED)

    assert read_count(first) == read_count(again) == (14, ESTIMATED)
    # The start of the list, its signposts, and the rows behind the last one.
    assert sum("novels_novel" in sql and "count(*)" in sql for sql in first.queries) == 2
    assert sum("row_number" in sql for sql in first.queries) == 1
    assert again.queries == []
    # The estimate drifts with the signposts, so no tag would invalidate the response.
    assert not again.was_cached


def test_details_have_no_count(visitor: Visitor, make_novels: Callable[..., list[Any]]) -> None:
    (novel,) = make_novels(1)

    response = get(visitor, f"{NOVELS}{novel.pk}/", EXACT)

    assert read_count(response) == (None, None)
    assert "Prefer" not in response.headers["Vary"]
