"""Numbered pages: what they show, what they cost, how they drift, and refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from rest_framework.test import APIClient

from morpheus.api import page_jumps
from morpheus.api.selected_rows import SelectedRows
from morpheus.cache.store import cache_store
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from perf.lab.plans.capture import Statement, capture_statements
from perf.lab.plans.explain import explain_as
from tests.conftest import as_staff
from tests.factories import secret_of
from tests.visitor import Visitor, counted_queries

pytestmark = pytest.mark.django_db(transaction=True)

NOVELS = "/api/v1/novels/"
START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERINGS = ("-created_at", "created_at", "title", "-title", "word_count", "-word_count")


@pytest.fixture
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a list have a signpost for every fourth row."""
    monkeypatch.setattr(page_jumps, "STEP", 4)


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def violation(response: Any) -> tuple[str, str]:
    """Return code and message of the only violation, which is of `page`."""
    assert response.status_code == 400
    [violation] = response.json()["violations"]
    assert violation["parameter"] == "page"
    return violation["code"], violation["detail"]


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("is_cached", [True, False])
def test_every_page_has_the_rows_that_a_walk_meets_there(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    short_steps: None,
    settings: Any,
    ordering: str,
    is_cached: bool,
) -> None:
    settings.MORPHEUS_CACHE = is_cached
    for number in range(23):
        make_novels(1, word_count=number % 3)
    url = f"{NOVELS}?ordering={ordering}&page_size=3"
    walked, link = [], url
    while link:
        body = api.get(link).json()
        walked.append([row["id"] for row in body["results"]])
        link = body["next"]

    for _ in range(2):
        jumped = [ids(api.get(f"{url}&page={number}")) for number in range(1, len(walked) + 1)]
        assert jumped == walked


def test_a_page_leads_on_and_back_by_cursors(
    api: APIClient, make_novels: Callable[..., list[Any]], short_steps: None
) -> None:
    newest = [novel.pk for novel in reversed(make_novels(14, created_at=START))]

    page = api.get(f"{NOVELS}?page=3&page_size=3").json()
    following, before = api.get(page["next"]), api.get(page["previous"])

    assert "page=" not in page["next"] + page["previous"]
    assert (ids(before), ids(following)) == (newest[3:6], newest[9:12])
    assert api.get(f"{NOVELS}?page=1&page_size=3").json()["previous"] is None
    assert api.get(f"{NOVELS}?page=5&page_size=3").json()["next"] is None


@pytest.mark.parametrize("filters", ["genre=gothic", "author=Somebody", "owner={owner}"])
def test_a_filtered_list_has_page_numbers_of_its_own(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_user: Callable[..., Any],
    short_steps: None,
    filters: str,
) -> None:
    from novels.models import Genre

    ann = make_user()
    gothic = Genre.objects.get(slug="gothic")
    make_novels(9, author="Another", created_at=START)
    kept = make_novels(9, owner=ann, genre=gothic, created_at=START)
    make_novels(9, author="Another", created_at=START)

    url = f"{NOVELS}?{filters.format(owner=ann.pk)}&ordering=created_at&page_size=2"

    assert ids(api.get(f"{url}&page=4")) == [novel.pk for novel in kept[6:8]]
    assert api.get(f"{url}&page=6").status_code == 404


def test_chapters_and_panels_have_page_numbers(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., Any],
    short_steps: None,
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, *[f"Text {number}." for number in range(1, 15)])

    page = api.get(f"{NOVELS}{novel.pk}/chapters/?page=6&page_size=2")
    assert [row["number"] for row in page.json()["results"]] == [11, 12]
    # Its signposts are exact: a write of the parent invalidates them.
    make_chapters(novel, "Text 15.", "Text 16.", "Text 17.")
    page = api.get(f"{NOVELS}{novel.pk}/chapters/?page=9&page_size=2")
    assert [row["number"] for row in page.json()["results"]] == [17]


def test_a_page_beyond_the_end_is_404(
    api: APIClient, make_novels: Callable[..., list[Any]], short_steps: None
) -> None:
    assert ids(api.get(f"{NOVELS}?page=1")) == []
    make_novels(8)

    for number in (2, 3, 5, 9, 900):
        response = api.get(f"{NOVELS}?page_size=8&page={number}")
        assert (response.status_code, response.json()["code"]) == (404, "page_not_found")


@pytest.mark.parametrize(
    "text", ["0", "-1", "+1", "01", "1.0", "", "one", "%C2%B2", "1e3", "1" * 10, "9" * 5000]
)
def test_a_malformed_number_is_refused(
    api: APIClient, django_assert_num_queries: Any, text: str
) -> None:
    with django_assert_num_queries(0):
        response = api.get(f"{NOVELS}?page={text}")
    assert violation(response) == ("invalid", "Give a whole number above 0.")


def test_other_places_are_refused_with_the_name_of_the_cursor(
    api: APIClient, make_novels: Callable[..., list[Any]], django_assert_num_queries: Any
) -> None:
    make_novels(3)
    link = api.get(f"{NOVELS}?page_size=1").json()["next"]

    code, message = violation(api.get(f"{link}&page=2"))
    assert code == "page_with_cursor" and "`cursor`" in message
    with django_assert_num_queries(0):
        code, message = violation(api.get(f"{NOVELS}?page=20001&page_size=100"))
    assert code == "page_too_deep" and "`cursor`" in message
    code, message = violation(api.get("/api/v1/search/?q=the&page=2"))
    assert code == "unknown_parameter" and "`cursor`" in message


def test_signposts_are_built_once_and_pages_are_cached(
    visitor: Visitor, make_novels: Callable[..., list[Any]], short_steps: None
) -> None:
    make_novels(30)

    first, again, other = (
        visitor.get(f"{NOVELS}?page_size=2&page={number}") for number in (9, 9, 12)
    )

    scans = [sql for sql in first.queries + again.queries + other.queries if "row_number" in sql]
    assert len(scans) == 1
    # Signposts, row, page, cards and names; then row, page and cards.
    assert [len(each.queries) for each in (first, again, other)] == [5, 0, 3]
    # No tag tells when the numbers change, so the response cache must not have the response.
    assert not again.was_cached and again.body == first.body


def test_pages_before_the_first_signpost_need_none(
    visitor: Visitor, make_novels: Callable[..., list[Any]]
) -> None:
    newest = [novel.pk for novel in reversed(make_novels(30, created_at=START))]
    before, again = (visitor.get(f"{NOVELS}?page_size=5&page=3") for _ in range(2))

    assert not any("row_number" in sql for sql in before.queries)
    assert again.was_cached and again.body == before.body
    with as_staff():
        Novel.objects.filter(pk=newest[0]).delete()
    shifted = visitor.get(f"{NOVELS}?page_size=5&page=3").json()["results"]
    assert [row["id"] for row in shifted] == newest[11:16]


def test_numbers_drift_by_the_rows_that_came_and_went_until_signposts_expire(
    api: APIClient, make_novels: Callable[..., list[Any]], short_steps: None
) -> None:
    newest = [novel.pk for novel in reversed(make_novels(20, created_at=START))]
    url = f"{NOVELS}?page_size=4&page="
    assert ids(api.get(f"{url}3")) == newest[8:12]

    new = [novel.pk for novel in make_novels(2, created_at=START + timedelta(days=1))]
    # The first pages are exact; behind a signpost, rows stay on their pages.
    assert ids(api.get(f"{url}1")) == [*reversed(new), *newest[:2]]
    assert ids(api.get(f"{url}3")) == newest[8:12]
    with as_staff():
        # The row of the signpost itself, and one behind it.
        Novel.objects.filter(pk__in=[newest[8], newest[10]]).delete()
    assert ids(api.get(f"{url}3")) == [newest[9], newest[11], *newest[12:14]]
    forget_signposts()
    assert ids(api.get(f"{url}3")) == [newest[6], newest[7], newest[9], newest[11]]


def forget_signposts() -> None:
    """Let all signposts expire."""
    client = cache_store().client
    pattern = f"{client.prefix}{page_jumps.SIGNPOSTS.name}:*"
    [(_, keys)] = client.run(lambda prefix: [("SCAN", 0, "MATCH", pattern, "COUNT", 10_000)])
    assert keys
    client.run(lambda prefix: [("DEL", *keys)])


def test_no_page_shows_a_row_that_was_withdrawn(
    api: APIClient, make_novels: Callable[..., list[Any]], short_steps: None
) -> None:
    novels = make_novels(12)
    url = f"{NOVELS}?page_size=4&page=2"
    assert len(ids(api.get(url))) == 4

    with as_staff():
        Novel.objects.filter(pk__in=[novel.pk for novel in novels]).update(is_public=False)

    assert api.get(url).status_code == 404


def test_own_rows_and_their_signposts_are_their_owner_s(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    visitor: Visitor,
    short_steps: None,
) -> None:
    ann, bob = make_user(), make_user()
    own = {
        user: make_novels(12, owner=user, is_public=False, created_at=START) for user in (ann, bob)
    }
    url = f"{NOVELS}?owner=me&ordering=created_at&page_size=4&page=3"

    for user in (ann, bob):
        token = f"Bearer {secret_of(as_user(user))}"
        page = visitor.get(url, HTTP_AUTHORIZATION=token)
        assert [row["id"] for row in page.json()["results"]] == [
            novel.pk for novel in own[user][8:]
        ]
        # Exact signposts: what the owner adds and deletes counts at once.
        with write_transaction(as_user=user.pk):
            own[user][0].delete()
        page = visitor.get(url, HTTP_AUTHORIZATION=token)
        assert len(page.json()["results"]) == 3
    assert visitor.get(url).status == 401


def test_signposts_of_a_public_list_are_read_as_anonymous(
    as_user: Callable[..., APIClient],
    api: APIClient,
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    short_steps: None,
) -> None:
    ann = make_user()
    public = make_novels(12, created_at=START)
    make_novels(12, owner=ann, is_public=False, created_at=START - timedelta(days=1))
    url = f"{NOVELS}?ordering=created_at&page_size=4&page=3"

    assert ids(as_user(ann).get(url)) == ids(api.get(url)) == [novel.pk for novel in public[8:]]


def test_simultaneous_jumps_scan_the_list_once(
    make_novels: Callable[..., list[Any]], short_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_novels(20)
    scans: list[int] = []
    scan = SelectedRows.keys

    def count(selected: Any, ordering: Any, position: Any, around: str, number: int) -> Any:
        load = scan(selected, ordering, position, around, number)

        def counted() -> Any:
            if "row_number" in around:
                scans.append(1)
                # Long enough for the others to arrive.
                threading.Event().wait(0.3)
            return load()

        return counted

    monkeypatch.setattr(SelectedRows, "keys", count)

    def jump() -> None:
        try:
            statuses.append(APIClient().get(f"{NOVELS}?page_size=4&page=4").status_code)
        finally:
            connection.close()

    statuses: list[int] = []
    threads = [threading.Thread(target=jump) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 4
    assert len(scans) == 1


def test_without_the_cache_a_process_keeps_signposts_itself(
    api: APIClient, make_novels: Callable[..., list[Any]], short_steps: None, no_cache_server: None
) -> None:
    expected = [novel.pk for novel in reversed(make_novels(20, created_at=START))]
    counts = []
    for _ in range(2):
        with counted_queries() as seen:
            assert ids(api.get(f"{NOVELS}?page_size=4&page=4&author=Somebody")) == expected[12:16]
        counts.append(sum("row_number" in sql for sql in seen.sql))

    assert counts == [1, 0]


def test_the_last_page_costs_what_the_second_costs(
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    api: APIClient,
    connect: Callable[[str], psycopg.Connection],
) -> None:
    ann = make_user()
    for number in range(4):
        make_novels(1001, owner=ann, created_at=START + timedelta(days=number))
    # Index-only scans look up rows of pages that no VACUUM has seen.
    connect("superuser").execute("VACUUM ANALYZE novels_novel")

    def read(number: int) -> list[Any]:
        url = f"{NOVELS}?page={number}"
        api.get(url.replace(f"={number}", "=150"))  # Builds the signposts.
        with capture_statements(cached=True) as statements:
            assert len(ids(api.get(url))) in (20, 4)
        keys: list[Statement] = [each for each in statements if "LIMIT" in each.sql]
        return [explain_as(None, each) for each in keys]

    second, last = read(2), read(201)

    # The row, and the page from it on.
    assert len(second) == len(last) == 2
    for plans in (second, last):
        place, _ = plans
        assert max(node.rows for node in place.nodes) <= page_jumps.STEP
        assert any(node.kind == "Index Only Scan" for node in place.nodes)
        assert not any("Seq Scan" in node.kind or "Sort" in node.kind for node in place.nodes)
    cost = [sum(plan.buffers for plan in plans) for plans in (second, last)]
    assert cost[1] <= cost[0] + 20
