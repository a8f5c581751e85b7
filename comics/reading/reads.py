"""Cached reads of reading progress; docs/caching.md lists their tags and what invalidates them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import FilteredRelation, Q
from rest_framework.request import Request

from comics.models import Comic
from comics.reading.cache_policies import PAGE, PLACE
from comics.reading.models import Progress
from comics.reads.comics import add_thumbnail_urls, comic_cards, comics_add_titles
from morpheus.api.reads import BIGINT_MAX, ListRead, PageRows, Row, order_by
from morpheus.cache.cached_reads import read
from morpheus.db.compiled_reads import CompiledRead
from novels.models import Novel
from novels.reads import novel_cards
from users.querysets import VisibleQuerySet
from users.reads import add_owner, user_names

_PLACE = ("number", "position", "is_finished", "read_at")


def _place_read(works: VisibleQuerySet) -> CompiledRead:
    """Return the read of a user's place in a visible work, whose columns are NULL without one."""

    def build(pk: int, user_id: int) -> Any:
        own = FilteredRelation("progress", condition=Q(progress__user_id=user_id))
        visible = works.visible_to(user_id).filter(pk=pk).annotate(own=own)
        return visible.values_list(*(f"own__{column}" for column in _PLACE))

    return CompiledRead(int, int, build=build)


_PLACES = {
    "novel": _place_read(Novel.objects.all()),
    "comic": _place_read(Comic.objects.all()),
}


def progress_read(kind: str, pk: int, user_id: int) -> Row | None:
    """Return a user's place in a `novel` or `comic`; None if the user cannot see that.

    Tags: `reading:<user>/<kind>:<id>`, `<kind>:<id>/access`.
    """

    def load() -> Row | None:
        rows = _PLACES[kind].rows(pk, user_id) if pk <= BIGINT_MAX else []
        return progress_render(kind, pk, *rows[0]) if rows else None

    tags = [f"reading:{user_id}/{kind}:{pk}", f"{kind}:{pk}/access"]
    place: Row | None = read(PLACE, f"{kind}:{pk}", tags=tags, load=load, reader_id=user_id)
    return place


def progress_render(
    kind: str, pk: int, number: int | None, position: float | None, is_finished: Any, read_at: Any
) -> Row:
    """Return a place with the fields of `ProgressSerializer`."""
    is_novel = kind == "novel"
    return {
        "novel": pk if is_novel else None,
        "comic": None if is_novel else pk,
        "chapter": number if is_novel else None,
        "panel": None if is_novel else number,
        "position": position,
        "finished": bool(is_finished),
        "read_at": read_at,
    }


def _render_page(page: PageRows, request: Request) -> list[Row]:
    """Return a page of `ReadingSerializer`, without works that the user can no longer see.

    Tags: `novel:<id>`, `comic:<id>`, `name:<owner>`.
    """
    user_id = page.scope.reader_id
    rows = [dict(zip(page.columns, row, strict=True)) for row in page.rows]
    comics = comic_cards([row["comic_id"] for row in rows if row["comic_id"]], user_id)
    listed = [row["novel_id"] for row in rows if row["novel_id"]]
    # By one read with the novels that the comics name.
    named = [card["novel"] for card in comics.values() if card["novel"]]
    novels = novel_cards([*listed, *named], user_id)
    shown = [novels[pk] for pk in listed if pk in novels]
    names = user_names(card["owner"] for card in (*shown, *comics.values()))

    def add_names(cards: Iterable[Row]) -> dict[int, Row]:
        owned = ((card, names[card["owner"]]) for card in cards)
        return {card["id"]: add_owner(card, name) for card, name in owned if name is not None}

    titled = comics_add_titles([*add_names(comics.values()).values()], novels)
    works = {
        "novel": add_names(shown),
        "comic": {comic["id"]: comic for comic in add_thumbnail_urls(titled, request)},
    }
    return [entry for row in rows if (entry := _render_entry(row, works)) is not None]


def _render_entry(row: Row, works: Mapping[str, Mapping[int, Row]]) -> Row | None:
    kind = "comic" if row["novel_id"] is None else "novel"
    work = works[kind].get(row[f"{kind}_id"])
    if work is None:
        return None
    return {
        "novel": None,
        "comic": None,
        "chapter": row["number"] if kind == "novel" else None,
        "panel": row["number"] if kind == "comic" else None,
        "position": row["position"],
        "read_at": row["read_at"],
    } | {kind: work}


READING = ListRead(
    rows=lambda scope: Progress.objects.unfinished_of(scope.reader_id),
    is_private=True,
    columns=("novel_id", "comic_id", "number", "position"),
    orderings=order_by("-read_at"),
    policy=PAGE,
    tags=lambda scope, compared, ordering: [f"reading:{scope.reader_id}"],
    render=_render_page,
)
