"""Cached pages of lists, over the real table of novels."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import override_settings
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from morpheus.api.lists import ReadPagination
from morpheus.api.reads import ListRead, Scope
from morpheus.api.selected_rows import SelectedRows
from morpheus.cache.store import cache_store
from morpheus.db.transactions import read_transaction, write_transaction
from novels.models import Novel
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db(transaction=True)

ORDERINGS = {
    "-created_at": ("-created_at", "-id"),
    "title": ("title", "id"),
    "word_count": ("word_count", "id"),
}


@pytest.fixture
def listing(make_policy: Callable[..., Any]) -> Any:
    """A view of public novels, whose pages have the tag `list` and those of the ordering."""
    return SimpleNamespace(
        orderings=ORDERINGS, cursor_scope="", policy=make_policy(), reader_id=None, columns=()
    )


def page(view: Any, novels: Any = None, **params: Any) -> Any:
    """Return the rows of a page, the links to its neighbours, and the statements it took."""
    request = Request(APIRequestFactory().get("/list/", params))
    paginator = ReadPagination()
    read = ListRead(
        rows=lambda scope: Novel.objects.public() if novels is None else novels,
        orderings=view.orderings,
        policy=view.policy,
        tags=lambda scope, compared, ordering: ["list", *ordering],
        render=lambda page, request: [],
        columns=view.columns,
    )
    selected = SelectedRows(read, Scope(view.reader_id), {})
    with counted_queries() as seen:
        rows = paginator.paginate_queryset(selected, request, view)
    links = paginator.get_paginated_response(rows).data
    return SimpleNamespace(
        rows=[
            dict(zip((*paginator.row_columns, "pk"), (*row, row[0]), strict=True)) for row in rows
        ],
        ids=[row[0] for row in rows],
        next=links["next"],
        previous=links["previous"],
        queries=seen.sql,
        get_value=lambda row, name: paginator.get_value([*row.values()], name),
    )


def follow(view: Any, link: Any) -> Any:
    return page(view, **{k: values[0] for k, values in parse_qs(urlsplit(link).query).items()})


def walk(view: Any, **params: Any) -> Any:
    """Return the pages from the first to the last one, and then back."""
    pages = [page(view, **params)]
    while pages[-1].next:
        pages.append(follow(view, pages[-1].next))
    back = [pages[-1]]
    while back[-1].previous:
        back.append(follow(view, back[-1].previous))
    return pages, back


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_a_walk_is_the_same_cold_and_warm_and_costs_no_query_warm(
    listing: Any, make_novels: Callable[..., list[Any]], ordering: str
) -> None:
    make_novels(7)
    columns = ORDERINGS[ordering]
    expected = list(Novel.objects.public().order_by(*columns).values_list("pk", flat=True))

    for queries in (1, 0):
        pages, back = walk(listing, ordering=ordering, page_size=3)
        assert sum((each.ids for each in pages), []) == expected
        assert [each.ids for each in reversed(back)] == [each.ids for each in pages]
        assert [len(each.queries) for each in [*pages, *back[1:]]] == [queries] * 5


def test_rows_have_the_types_of_their_columns(
    listing: Any, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)

    for each in (page(listing), page(listing)):
        (row,) = each.rows
        assert row["pk"] == row["id"] == novel.pk
        assert each.get_value(row, "created_at") == novel.created_at


def test_rows_have_the_further_columns_that_the_view_names(
    listing: Any, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    listing.columns = ("title", "author")

    assert page(listing).rows[0]["author"] == page(listing).rows[0]["author"] == novel.author


def test_tags_of_the_membership_and_of_the_ordering_invalidate_pages(
    listing: Any, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(1)
    page(listing)
    page(listing, ordering="title")

    cache_store().invalidate(["title"])
    assert [len(page(listing, ordering=name).queries) for name in ("-created_at", "title")] == [
        0,
        1,
    ]
    cache_store().invalidate(["list"])
    assert [len(page(listing, ordering=name).queries) for name in ("-created_at", "title")] == [
        1,
        1,
    ]


def test_a_page_of_another_size_filter_scope_or_reader_is_another_page(
    listing: Any, make_novels: Callable[..., list[Any]], make_user: Callable[..., Any]
) -> None:
    make_novels(5)
    page(listing)

    assert len(page(listing, page_size=2).ids) == 2
    assert page(listing, Novel.objects.filter(title="nothing"), genre="x").ids == []
    listing.cursor_scope = "7"
    assert page(listing, Novel.objects.filter(title="nothing"), page_size=20).ids == []
    listing.cursor_scope, listing.reader_id = "", make_user().pk
    assert page(listing, Novel.objects.filter(title="nothing"), page_size=20).ids == []
    listing.reader_id = None
    assert len(page(listing).ids) == 5


def test_public_rows_are_read_as_anonymous_and_private_rows_as_their_reader(
    listing: Any, make_novels: Callable[..., list[Any]], make_user: Callable[..., Any]
) -> None:
    ann = make_user()
    (novel,) = make_novels(1, owner=ann, is_public=False)

    with read_transaction(as_user=ann.pk):
        assert page(listing, Novel.objects.all()).ids == []
    listing.reader_id = ann.pk
    assert page(listing, Novel.objects.all()).ids == [novel.pk]


def test_an_empty_page_is_cached(listing: Any) -> None:
    assert [(page(listing).ids, len(page(listing).queries)) for _ in range(2)] == [([], 0)] * 2


def test_a_row_deleted_during_a_walk_hides_no_other_row(
    listing: Any, make_novels: Callable[..., list[Any]]
) -> None:
    novels = make_novels(5)
    first = page(listing, page_size=2)

    with write_transaction(as_user=novels[3].owner_id):
        novels[3].delete()  # The one that the cursor names.
    cache_store().invalidate(["list"])

    assert follow(listing, first.next).ids == [novels[2].pk, novels[1].pk]


@pytest.mark.parametrize("is_warm", [True, False])
def test_whole_rows_stay_out_of_a_cache_that_becomes_usable(
    make_novels: Callable[..., list[Any]],
    api: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    is_warm: bool,
) -> None:
    make_novels(3)
    with override_settings(MORPHEUS_CACHE=False):
        expected = api.get("/api/v1/novels/").json()
    if is_warm:
        assert api.get("/api/v1/novels/").json() == expected

    usable = iter([False])
    monkeypatch.setattr("morpheus.api.lists.is_cache_usable", lambda: next(usable, True))

    assert [api.get("/api/v1/novels/").json() for _ in range(3)] == [expected] * 3
