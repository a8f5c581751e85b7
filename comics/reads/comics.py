"""The list of comics, one comic, and its thumbnail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.reverse import reverse

from comics.cache_policies import CARD, PAGE, THUMBNAIL
from comics.images.decoding import Picture
from comics.models import Comic
from comics.serializers import ComicSerializer
from comics.services.images import rendition_create
from morpheus.api.reads import (
    ID_PATTERN,
    ListFilter,
    ListRead,
    Row,
    Scope,
    WholeRows,
    order_by,
    parse_id_of,
)
from morpheus.api.rendering import RowRenderer
from morpheus.cache.cached_reads import VisibleValue, read_public_then_private
from morpheus.db.compiled_reads import CompiledRead
from novels.reads import OWNER_NAME, novel_cards
from users.models import PUBLIC
from users.reads import CardRead, add_owner, add_owners

# The cache keeps the ids of owner and novel, because names change on their own, and the version of
# the thumbnail, because URLs depend on the request.
COMIC_CARD = RowRenderer(
    ComicSerializer, {"novel": "novel", "owner": "owner", "thumbnail_url": "cover__digest"}
)

# Of the digest of a picture, in its URL.
VERSION_CHARS = 16

# Of the novel of a comic.
_OF_NOVEL = ("novel__title", "novel__is_public", "novel__owner_id")
_WHOLE_COLUMNS = (*_OF_NOVEL, OWNER_NAME, *COMIC_CARD.columns)

_CHANGED = CompiledRead(
    int, build=lambda comic_id: Comic.objects.filter(pk=comic_id).values_list(*_WHOLE_COLUMNS)
)


def image_version(digest: str) -> str:
    """Return the part of an image's URL that changes with its content."""
    return digest[:VERSION_CHARS]


def comic_render_card(row: Sequence[Any]) -> Row:
    return _with_version(COMIC_CARD.render(row))


def _with_version(card: Row) -> Row:
    """Return a card with the version of its thumbnail in place of the digest."""
    digest = card["thumbnail_url"]
    return card | {"thumbnail_url": digest and image_version(digest)}


_CARDS = CardRead(
    CARD,
    Comic,
    COMIC_CARD.columns,
    tags=lambda comic_id: [f"comic:{comic_id}"],
    render=comic_render_card,
)
comic_cards, comic_access = _CARDS.read, _CARDS.access


def comic_list(comic_ids: Sequence[int], owner_id: int | None) -> list[Row]:
    """Return public comics, or those of one owner, with their names and in the order of their ids.

    An owner's public comics are cached for the owner as well, so that the list costs no more
    queries than a public one. Invisible comics are absent.
    """
    cards = _CARDS.read_as(comic_ids, owner_id)
    return comics_add_names([cards[pk] for pk in comic_ids if pk in cards], owner_id)


def comics_add_names(cards: list[Row], reader_id: int | None) -> list[Row]:
    """Return cards with the names of their owners, and the titles of novels the reader can see.

    Tags: `name:<owner>`, `novel:<novel>`.
    """
    novels = novel_cards({card["novel"] for card in cards if card["novel"]}, reader_id)
    return comics_add_titles(add_owners(cards), novels)


def comics_add_titles(cards: list[Row], novels: Mapping[int, Row]) -> list[Row]:
    """Return cards with the titles of their novels, as far as `novels` has cards for these."""
    titles = {pk: {"id": pk, "title": novel["title"]} for pk, novel in novels.items()}
    return [card | {"novel": titles.get(card["novel"])} for card in cards]


def add_thumbnail_urls(comics: list[Row], request: Request) -> list[Row]:
    """Return cached comics with the URLs of their thumbnails in place of the versions."""
    # The route is below the comics' in `urls.py`. Reversing it would cost more than the row.
    url = reverse("comics", request=request)
    return [
        comic
        if (version := comic["thumbnail_url"]) is None
        else comic | {"thumbnail_url": f"{url}{comic['id']}/thumbnail/?size=medium&v={version}"}
        for comic in comics
    ]


def comic_read(comic_id: int, reader_id: int | None, request: Request) -> VisibleValue:
    """Return one comic as the API shows it; it is private if it names a private novel."""
    card, is_public = comic_access(comic_id, reader_id)
    if card is None:
        return VisibleValue(None, False)
    novels = novel_cards([card["novel"]], reader_id) if card["novel"] else {}
    names_private = any(novel["visibility"] != PUBLIC for novel in novels.values())
    comics = comics_add_titles(add_owners([card]), novels)
    comic = next(iter(add_thumbnail_urls(comics, request)), None)
    return VisibleValue(comic, is_public and not names_private)


def comic_render_new(comic: Comic, owner_name: str) -> Row:
    """Return a comic that was just created, whose novel its owner can see: no query."""
    known = {"novel": comic.novel_id, "owner": comic.owner_id, "cover__digest": None}
    row = [known[each] if each in known else getattr(comic, each) for each in COMIC_CARD.columns]
    novel = comic.novel and {"id": comic.novel_id, "title": comic.novel.title}
    return add_owner(comic_render_card(row), owner_name) | {"novel": novel}


def comic_read_uncached(comic_id: int, reader_id: int | None, request: Request) -> Row:
    """Return a comic from the database, for the response to its change: 1 query.

    A novel is shown if it is public or the reader's own; row level security hides others anyway.
    """
    rows = _CHANGED.rows(comic_id)
    [comic] = _render_whole(rows, _WHOLE_COLUMNS, reader_id, request)
    return comic


def _render_whole(
    rows: Iterable[Sequence[Any]], columns: tuple[str, ...], reader_id: int | None, request: Request
) -> list[Row]:
    """Return comics from rows that have `_WHOLE_COLUMNS` among their columns."""
    render = COMIC_CARD.of_columns(columns)
    name, title, is_public, novel_owner_id = map(columns.index, (OWNER_NAME, *_OF_NOVEL))
    comics = []
    for row in rows:
        comic = add_owner(_with_version(render(row)), row[name])
        is_shown = row[title] is not None and (row[is_public] or row[novel_owner_id] == reader_id)
        comic["novel"] = {"id": comic["novel"], "title": row[title]} if is_shown else None
        comics.append(comic)
    return add_thumbnail_urls(comics, request)


def comic_list_tags(
    scope: Scope, compared: Mapping[str, Any], ordering: Iterable[str]
) -> list[str]:
    """Return the tags of a list of comics, by the columns it compares (`=`) and orders by."""
    if scope.reader_id is not None:
        return [f"owner:{scope.reader_id}/comics"]
    name, tags = "comics:all", []
    for column, value in compared.items():
        if column in ("novel", "owner"):
            name = f"comics:{column}:{value}"
        if column == "novel":  # The list of a private novel is empty.
            tags = [f"novel:{value}/access"]
    return [name, *tags, *(f"{name}/title" for column in ordering if column == "title")]


COMICS = ListRead(
    rows=lambda scope: Comic.objects.listed(scope.reader_id),
    orderings=order_by("-created_at", "created_at", "title", "-title"),
    filters={
        "novel": ListFilter(
            column="novel",
            parse=parse_id_of("novel"),
            pattern=ID_PATTERN,
            narrow=lambda comics, novel_id: comics.of_public_novel(novel_id),
            description="Id of a public novel.",
        ),
        "owner": ListFilter(
            column="owner",
            parse=parse_id_of("owner"),
            pattern=ID_PATTERN,
            own="me",
            description=(
                "Id of a user for their public comics, or `me` for all of my own, of every "
                "visibility."
            ),
        ),
    },
    policy=PAGE,
    tags=comic_list_tags,
    render=lambda page, request: add_thumbnail_urls(
        comic_list(page.keys, page.scope.reader_id), request
    ),
    whole=WholeRows(
        select=lambda comics, scope: comics.select_related("novel", "cover", "public_owner"),
        columns=_WHOLE_COLUMNS,
        render=lambda page, request: _render_whole(
            page.rows, page.columns, page.scope.reader_id, request
        ),
    ),
)


def thumbnail_read(comic_id: int, size: str, reader_id: int | None) -> VisibleValue:
    """Return the cover of a comic and the digest of its rendition; the first read creates it.

    Tag: `comic:<id>/cover`.

    Raises:
        Image.DoesNotExist: The cover, or its file, was deleted.
    """

    def load(viewer_id: int | None) -> Row | None:
        comics = Comic.objects.visible_to(viewer_id).filter(pk=comic_id, cover__isnull=False)
        cover: Row | None = comics.for_thumbnail(size).first()
        if cover is not None and cover["rendition__digest"] is None:
            cover["rendition__digest"] = thumbnail_create(cover, size).digest
        return cover

    tags, identity = [f"comic:{comic_id}/cover"], f"{comic_id}:{size}"
    return read_public_then_private(THUMBNAIL, identity, tags=tags, load=load, reader_id=reader_id)


def thumbnail_create(cover: Row, size: str) -> Picture:
    """Create the rendition of a cover from `thumbnail_read`, with the same error."""
    return rendition_create(
        image_id=cover["cover_id"],
        digest=cover["cover__digest"],
        media_type=cover["cover__media_type"],
        size=size,
        generation=cover["cover__generation"],
    )
