"""Cached reads of comics; docs/caching.md says under which tags, and who ends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from comics.cache_policies import CARD, DASHBOARD, PANEL_IMAGE, THUMBNAIL
from comics.images import Picture
from comics.models import Comic, Panel
from comics.serializers import (
    DashboardNovelSerializer,
    DashboardTotalsSerializer,
    comic_card,
)
from comics.services import rendition_make
from morpheus.cache.cached_reads import VisibleValue, read_many, read_public_then_private
from morpheus.db.compiled_reads import CompiledRead
from morpheus.pagination import limit_before_joins
from novels.models import Novel, ProcessingStatus
from novels.reads import novel_cards
from novels.serializers import PUBLIC, with_owner
from users.reads import user_names

Shown = dict[str, Any]

# Of novels and of comics on the dashboard; the rest is a click away, by `owner=me`.
_ON_DASHBOARD = 5

# The most that a primary key can be.
_BIGINT_MAX = 2**63 - 1

_PUBLIC_CARDS = CompiledRead(
    list, build=lambda ids: Comic.objects.public().of_ids(ids).kept_cards()
)
_OWN_CARDS = CompiledRead(
    *(list, int),
    build=lambda ids, reader: Comic.objects.visible_to(reader).of_ids(ids).kept_cards(),
)


def comic_cards(comic_ids: Iterable[int], reader_id: int | None = None) -> dict[int, Shown]:
    """Return comics as `comic_card` makes them, by id, without what the reader may not see.

    Cold: 1 query, and 1 for what only the reader sees. Tag: `comic:<id>`.
    """
    wanted = [comic_id for comic_id in comic_ids if comic_id <= _BIGINT_MAX]
    cards = _cards(wanted, None)
    if reader_id is not None:
        cards |= _cards([pk for pk in wanted if pk not in cards], reader_id)
    return cards


def _cards(comic_ids: list[int], reader_id: int | None) -> dict[int, Shown]:
    def load(missing: list[int]) -> dict[int, Shown]:
        if reader_id is None:
            rows = _PUBLIC_CARDS.rows(missing)
        else:
            rows = _OWN_CARDS.rows(missing, reader_id)
        return {row[0]: comic_card(row) for row in rows}

    cards = read_many(CARD, comic_ids, tags=_comic_tags, load=load, reader_id=reader_id)
    return {comic_id: card for comic_id, card in cards.items() if card is not None}


def _comic_tags(comic_id: int) -> list[str]:
    return [f"comic:{comic_id}"]


def comic_list(comic_ids: Sequence[int], owner_id: int | None = None) -> list[Shown]:
    """Return comics as `comics_name` does, in the order of their ids, without the unseen.

    Args:
        comic_ids: Public ones, or those of one owner.
        owner_id: Their owner, for whom they are. Public and private ones are then kept alike, for
            the owner: no more queries than for everybody.
    """
    cards = _cards([*comic_ids], owner_id)
    return comics_name([cards[pk] for pk in comic_ids if pk in cards], owner_id)


def comics_name(cards: list[Shown], reader_id: int | None) -> list[Shown]:
    """Return cards with the names of owners and of those novels that the reader may see.

    Cold: 1 query for the owners, 1 for novels, and 1 for those that only the reader sees. Tags:
    `name:<owner>`, `novel:<novel>`.
    """
    return _named(cards, novel_cards({card["novel"] for card in cards if card["novel"]}, reader_id))


def _named(cards: list[Shown], novels: Mapping[int, Shown]) -> list[Shown]:
    names = user_names(card["owner"] for card in cards)
    return [
        with_owner(card, name) | {"novel": _title(novels.get(card["novel"]))}
        for card in cards
        # Who is not there any more has no comics either: they go with their owner.
        if (name := names[card["owner"]]) is not None
    ]


def _title(novel: Shown | None) -> Shown | None:
    return novel and {"id": novel["id"], "title": novel["title"]}


def comic_access(comic_id: int, reader_id: int | None) -> VisibleValue:
    """Return the card of a comic, if the reader may see what belongs to it; as `comic_cards`."""
    card = comic_cards([comic_id], reader_id).get(comic_id)
    return VisibleValue(card, card is not None and card["visibility"] == PUBLIC)


def comic_read(comic_id: int, reader_id: int | None) -> VisibleValue:
    """Return one comic as `comic_list` does; not for everybody if it names a private novel."""
    card, is_public = comic_access(comic_id, reader_id)
    if card is None:
        return VisibleValue(None, False)
    novels = novel_cards([card["novel"]], reader_id) if card["novel"] else {}
    names_private = any(novel["visibility"] != PUBLIC for novel in novels.values())
    comic = next(iter(_named([card], novels)), None)
    return VisibleValue(comic, is_public and not names_private)


def comic_list_tags(compared: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """Return the tags of a list of public comics.

    Args:
        compared: The columns that the list compares for equality, with their values.
        columns: By which it is ordered.
    """
    name, tags = "comics:all", []
    for column, value in compared.items():
        if column in ("novel", "owner"):
            name = f"comics:{column}:{value}"
        if column == "novel":  # Comics of a private one are not listed by it.
            tags = [f"novel:{value}/access"]
    return [name, *tags, *(f"{name}/title" for column in columns if column == "title")]


def panel_tags(comic_id: int) -> list[str]:
    """Return the tags of a comic's panels: what they are, and who may see them."""
    return [f"panels:{comic_id}", f"comic:{comic_id}/access"]


def panel_image_find(comic_id: int, number: int, reader_id: int | None) -> VisibleValue:
    """Return digest and media type of a panel's picture; cold 1 query. Tags: `panel_tags`."""

    def load(viewer_id: int | None) -> Shown | None:
        panels = Panel.objects.visible_to(viewer_id).of_comic(comic_id)
        return panels.filter(number=number).for_image().first()

    tags, identity = panel_tags(comic_id), f"{comic_id}:{number}"
    return read_public_then_private(
        PANEL_IMAGE, identity, tags=tags, load=load, reader_id=reader_id
    )


def thumbnail_find(comic_id: int, size: str, reader_id: int | None) -> VisibleValue:
    """Return what a comic's thumbnail is made of, and its digest; at its first use it is made.

    Cold: 1 query, 5 to make it. Tag: `comic:<id>/cover`.

    Raises:
        Image.DoesNotExist: The cover, or its file, was deleted.
    """

    def load(viewer_id: int | None) -> Shown | None:
        comics = Comic.objects.visible_to(viewer_id).filter(pk=comic_id, cover__isnull=False)
        found: Shown | None = comics.for_thumbnail(size).first()
        if found is not None and found["rendition__digest"] is None:
            found["rendition__digest"] = thumbnail_make(found, size).digest
        return found

    tags, identity = [f"comic:{comic_id}/cover"], f"{comic_id}:{size}"
    return read_public_then_private(THUMBNAIL, identity, tags=tags, load=load, reader_id=reader_id)


def thumbnail_make(found: Shown, size: str) -> Picture:
    """Make the thumbnail that `thumbnail_find` found no file of.

    Raises:
        Image.DoesNotExist: The cover, or its file, was deleted.
    """
    return rendition_make(
        image_id=found["cover_id"],
        digest=found["cover__digest"],
        media_type=found["cover__media_type"],
        size=size,
    )


# What each part of a dashboard depends on, of all that is its owner's.
_PARTS = {
    "novels": ("novels", "states"),
    "comics": ("comics",),
    "counts": ("novels", "comics"),
    "states": ("states",),
}


def dashboard_read(owner_id: int) -> Shown:
    """Return somebody's newest novels and comics, and their totals.

    Cold: 5 queries, and what `comics_name` costs. Tags: `owner:<id>/novels`, `…/states`,
    `…/comics`, `name:<id>`, and its own.
    """
    kept = read_many(
        DASHBOARD,
        _PARTS,
        tags=lambda part: [
            f"name:{owner_id}",
            *(f"owner:{owner_id}/{of}" for of in _PARTS[part]),
        ],
        load=lambda parts: {part: _load_dashboard(owner_id, part) for part in parts},
        reader_id=owner_id,
    )
    totals = DashboardTotalsSerializer(kept["counts"] | kept["states"]).data
    comics = comics_name(kept["comics"], owner_id)
    return {"novels": kept["novels"], "comics": comics, "totals": totals}


def _load_dashboard(owner_id: int, part: str) -> Any:
    novels, comics = Novel.objects.owned_by(owner_id), Comic.objects.owned_by(owner_id)
    if part == "novels":
        return DashboardNovelSerializer(_newest(novels.for_dashboard()), many=True).data
    if part == "comics":
        rows = _newest(comics.select_related("cover")).kept_cards()
        return [comic_card(row) for row in rows]
    if part == "counts":
        return novels.totals() | comics.totals()
    return ProcessingStatus.objects.owned_by(owner_id).totals()


def _newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    return limit_before_joins(rows.order_by("-created_at", "-id"), _ON_DASHBOARD)
