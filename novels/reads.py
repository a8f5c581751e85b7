"""Cached reads of novels; docs/caching.md lists their tags and what invalidates them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from morpheus.api.reads import (
    BIGINT_MAX,
    ListFilter,
    ListRead,
    PageRows,
    Row,
    Scope,
    WholeRows,
    order_by,
    parse_id_of,
)
from morpheus.api.rendering import RowRenderer
from morpheus.cache.batch_read import read_from_database
from morpheus.cache.cached_reads import (
    VisibleValue,
    is_cache_usable,
    read_many,
    read_public_then_private,
)
from morpheus.db.compiled_reads import CompiledRead
from novels.cache_policies import CARD, CHAPTER, CONTENTS, PAGE, STATUS
from novels.models import Chapter, Genre, Language, Novel, ProcessingStatus
from novels.serializers import (
    PUBLIC,
    ChapterSerializer,
    ChapterTextSerializer,
    NovelSerializer,
    StatusSerializer,
)
from users.querysets import VisibleRead
from users.reads import add_owner, user_names

# The cache keeps the owner's id: names change on their own.
NOVEL_CARD = RowRenderer(NovelSerializer, {"owner": "owner"})
PROCESSING_STATUS = RowRenderer(StatusSerializer)
OWNER_NAME = "public_owner__display_name"
# The columns of a card, and the name that a card lacks.
_NAMED_COLUMNS = (*NOVEL_CARD.columns, OWNER_NAME)
_NAMED_CARD = RowRenderer(NovelSerializer, {"owner": {"id": "owner", "display_name": OWNER_NAME}})
# A row of these columns as the API shows it.
render_named_card = _NAMED_CARD.of_columns(_NAMED_COLUMNS)
_CHAPTER = RowRenderer(ChapterSerializer)
_CHAPTER_TEXT = RowRenderer(ChapterTextSerializer)

_CARDS = VisibleRead(
    list, Novel, lambda novels, ids: novels.of_ids(ids).values_list(*NOVEL_CARD.columns)
)
_NAMED_CARDS = VisibleRead(
    list, Novel, lambda novels, ids: novels.of_ids(ids).values_list(*_NAMED_COLUMNS)
)
_STATUS = VisibleRead(
    int,
    ProcessingStatus,
    lambda rows, novel: rows.filter(pk=novel).values_list(
        # A compiled read has no JSON of Python's.
        *(Cast(c, TextField()) if c == "warnings" else c for c in PROCESSING_STATUS.columns)
    ),
)


def novel_cards(novel_ids: Iterable[int], reader_id: int | None = None) -> dict[int, Row]:
    """Return novels by id, with the owner's id as `owner`; invisible ones are absent.

    Tag: `novel:<id>`. Public novels are loaded anonymously, the others as the reader.
    """
    ids = [novel_id for novel_id in novel_ids if novel_id <= BIGINT_MAX]
    cards = _cards(ids, None)
    if reader_id is not None:
        cards |= _cards([novel_id for novel_id in ids if novel_id not in cards], reader_id)
    return cards


def _cards(novel_ids: list[int], reader_id: int | None) -> dict[int, Row]:
    def load(missing: list[int]) -> dict[int, Row]:
        return {row[0]: NOVEL_CARD.render(row) for row in _CARDS.rows(missing, reader_id)}

    cards = read_many(CARD, novel_ids, tags=novel_tags, load=load, reader_id=reader_id)
    return {novel_id: card for novel_id, card in cards.items() if card is not None}


def novel_tags(novel_id: int) -> list[str]:
    """Return the tags of what a novel's own row shows."""
    return [f"novel:{novel_id}"]


def novel_list(novel_ids: Sequence[int], reader_id: int | None = None) -> list[Row]:
    """Return novels as the API shows them, in the order of their ids, without invisible ones.

    Tags: `novel:<id>`, `name:<owner>`.
    """
    if not is_cache_usable():
        return _load_named_cards(novel_ids, reader_id)
    cards = novel_cards(novel_ids, reader_id)
    names = user_names(card["owner"] for card in cards.values())
    return [
        add_owner(card, name)
        for card in (cards[novel_id] for novel_id in novel_ids if novel_id in cards)
        # Without a name, the owner and the novel were deleted after the card was read.
        if (name := names[card["owner"]]) is not None
    ]


def _load_named_cards(novel_ids: Sequence[int], reader_id: int | None) -> list[Row]:
    """Return the same without the cache: by 1 query, with the names."""
    ids = [novel_id for novel_id in novel_ids if novel_id <= BIGINT_MAX]

    def load() -> dict[int, Row]:
        return {row[0]: render_named_card(row) for row in _NAMED_CARDS.rows(ids, reader_id)}

    novels = read_from_database(CARD, ids, tags=novel_tags, load=load, reader_id=reader_id)
    return [novels[novel_id] for novel_id in ids if novel_id in novels]


def novel_read(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return one novel as the API shows it; tags as of `novel_list`."""
    novel = next(iter(novel_list([novel_id], reader_id)), None)
    return VisibleValue(novel, novel is not None and novel["visibility"] == PUBLIC)


def novel_read_uncached(novel_id: int, owner_id: int) -> Row:
    """Return a novel from the database, for the response to its owner's change: 1 query."""
    [row] = _NAMED_CARDS.rows([novel_id], owner_id)
    return render_named_card(row)


def novel_access(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return the card of a novel, if the reader can see what belongs to it."""
    card = novel_cards([novel_id], reader_id).get(novel_id)
    return VisibleValue(card, card is not None and card["visibility"] == PUBLIC)


def _genres(slug: str) -> QuerySet[Any, tuple[Any, ...]]:
    return Genre.objects.filter(slug=slug).values_list("pk")[:1]


def _languages(code: str) -> QuerySet[Any, tuple[Any, ...]]:
    return Language.objects.filter(code=code).values_list("pk")[:1]


# While the cache is not usable; otherwise django-cachalot has what the querysets read.
_GENRES = CompiledRead(str, build=_genres)
_LANGUAGES = CompiledRead(str, build=_languages)


def genre_id(slug: str) -> int:
    """Return the primary key of a genre: 1 query, or none if cached (docs/caching.md).

    The key instead of a join, so that the composite indexes serve the filter.

    Raises:
        ValidationError: There is no such genre.
    """
    rows = list(_genres(slug)) if is_cache_usable() else _GENRES.rows(slug)
    if not rows:
        raise ValidationError({"genre": ["There is no genre of this name (slug)."]})
    return int(rows[0][0])


def language_id(code: str) -> int:
    """Return the primary key of a language: 1 query, or none if cached.

    Raises:
        ValidationError: There is no such language.
    """
    rows = list(_languages(code)) if is_cache_usable() else _LANGUAGES.rows(code)
    if not rows:
        raise ValidationError({"language": ["There is no language of this code (ISO 639-1)."]})
    return int(rows[0][0])


def novel_list_tags(
    scope: Scope, compared: Mapping[str, Any], ordering: Iterable[str]
) -> list[str]:
    """Return the tags of a list of novels.

    Args:
        compared: The columns that the list compares for equality, with their values.
        ordering: Its ordering columns.
    """
    if scope.reader_id is not None:
        return [f"owner:{scope.reader_id}/novels"]
    filters = {column: value for column, value in compared.items() if column != "is_public"}
    if filters.keys() == {"genre", "language"}:
        name = f"novels:pair:{filters['genre']}:{filters['language']}"
    elif filters:
        [(column, value)] = filters.items()
        if column == "author":  # Of any length, with any character.
            value = md5(value.encode(), usedforsecurity=False).hexdigest()
        name = f"novels:{column}:{value}"
    else:
        name = "novels:all"
    return [name, *(f"{name}/{each}" for each in ordering if each in ("title", "word_count"))]


def _render_novels(page: PageRows, request: Request) -> list[Row]:
    return novel_list(page.keys, page.scope.reader_id)


NOVELS = ListRead(
    rows=lambda scope: Novel.objects.listed(scope.reader_id),
    orderings=order_by("-created_at", "created_at", "title", "-title", "word_count", "-word_count"),
    filters={
        "genre": ListFilter(
            column="genre", parse=genre_id, description="Novels of this genre, by its slug."
        ),
        "language": ListFilter(
            column="language",
            parse=language_id,
            description="Novels in this language, by its ISO 639-1 code.",
        ),
        "author": ListFilter(
            column="author", description="Novels of the author of exactly this name."
        ),
        "owner": ListFilter(
            column="owner",
            parse=parse_id_of("owner"),
            own="me",
            description=(
                "Public novels of the user with this id; with `me` all of my own, of every "
                "visibility."
            ),
        ),
    },
    filter_pairs=(frozenset({"genre", "language"}),),
    policy=PAGE,
    tags=novel_list_tags,
    render=_render_novels,
    whole=WholeRows(
        select=lambda novels, scope: novels.select_related("genre", "language", "public_owner"),
        columns=_NAMED_COLUMNS,
        render=lambda page, request: _NAMED_CARD.render_page(page),
    ),
)


def contents_tags(novel_id: int) -> list[str]:
    """Return the tags of a novel's chapters: their rows, and their visibility."""
    return [f"chapters:{novel_id}", _access_tag(novel_id)]


def _access_tag(novel_id: int) -> str:
    """Return the tag of a novel's visibility, owner and language."""
    return f"novel:{novel_id}/access"


CHAPTERS = ListRead(
    rows=lambda scope: Chapter.objects.of_novel(scope.parent_id),
    parent=novel_access,
    columns=_CHAPTER.columns,
    orderings={"number": ("number",)},
    policy=CONTENTS,
    tags=lambda scope, compared, ordering: contents_tags(scope.parent_id),
    render=lambda page, request: _CHAPTER.render_page(page),
    whole=WholeRows(
        select=lambda chapters, scope: chapters.visible_to(scope.reader_id),
        columns=(*_CHAPTER.columns, "is_public"),
        render=lambda page, request: _CHAPTER.render_page(page),
    ),
)


def chapter_read(novel_id: int, number: int, reader_id: int | None) -> VisibleValue:
    """Return a chapter with its text; tags: `contents_tags`."""

    def load(viewer_id: int | None) -> Row | None:
        chapters = Chapter.objects.of_novel(novel_id).visible_to(viewer_id).filter(number=number)
        row = chapters.values_list(*_CHAPTER_TEXT.columns).first()
        return row and _CHAPTER_TEXT.render(row)

    tags = contents_tags(novel_id)
    return read_public_then_private(
        CHAPTER, f"{novel_id}:{number}", tags=tags, load=load, reader_id=reader_id
    )


def status_read(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return a novel's processing status; tags: `status:<novel>`, `novel:<novel>/access`."""

    def load(viewer_id: int | None) -> Row | None:
        if novel_id > BIGINT_MAX:
            return None
        rows = _STATUS.rows(novel_id, viewer_id)
        return PROCESSING_STATUS.render(rows[0]) if rows else None

    tags = [f"status:{novel_id}", _access_tag(novel_id)]
    return read_public_then_private(STATUS, novel_id, tags=tags, load=load, reader_id=reader_id)
