"""Cached reads of novels; docs/caching.md lists their tags and what invalidates them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import md5
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from morpheus.api.reads import (
    BIGINT_MAX,
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
from morpheus.api.representations import Expansion
from morpheus.cache.batch_read import read_from_database
from morpheus.cache.cached_reads import (
    VisibleValue,
    is_cache_usable,
    read,
    read_many,
    read_public_then_private,
)
from morpheus.db.compiled_reads import CompiledRead
from novels.cache_policies import CARD, CHAPTER, CONTENTS, COUNT, PAGE, STATUS
from novels.models import Chapter, Genre, Language, Novel, ProcessingStatus, PublicCount
from novels.serializers import (
    ChapterSerializer,
    ChapterTextSerializer,
    NovelSerializer,
    StatusSerializer,
)
from users.models import PUBLIC
from users.querysets import VisibleRead
from users.reads import CardRead, add_owners, visible_value

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

_EXPANDED = 20
_FIRST_CHAPTERS = VisibleRead(
    *(int, Chapter),
    lambda rows, novel: rows.of_novel(novel).values_list(*_CHAPTER.columns)[:_EXPANDED],
)
_NAMED_CARDS = VisibleRead.of_ids(Novel, _NAMED_COLUMNS)
# A compiled read has no JSON of Python's.
STATUS_COLUMNS = [
    Cast(column, TextField()) if column == "warnings" else column
    for column in PROCESSING_STATUS.columns
]
STATUS_ROWS = VisibleRead(
    int,
    ProcessingStatus,
    lambda rows, novel: rows.filter(pk=novel).values_list(*STATUS_COLUMNS),
)


def novel_tags(novel_id: int) -> list[str]:
    """Return the tags of what a novel's own row shows."""
    return [f"novel:{novel_id}"]


_CARDS = CardRead(CARD, Novel, NOVEL_CARD.columns, tags=novel_tags, render=NOVEL_CARD.render)
novel_cards, novel_access = _CARDS.read, _CARDS.access


def novel_list(novel_ids: Sequence[int], reader_id: int | None = None) -> list[Row]:
    """Return novels as the API shows them, in the order of their ids, without invisible ones.

    Tags: `novel:<id>`, `name:<owner>`.
    """
    if not is_cache_usable():
        return _load_named_cards(novel_ids, reader_id)
    cards = novel_cards(novel_ids, reader_id)
    return add_owners([cards[novel_id] for novel_id in novel_ids if novel_id in cards])


def _load_named_cards(novel_ids: Sequence[int], reader_id: int | None) -> list[Row]:
    """Return the same without the cache: by 1 query, with the names."""
    ids = [novel_id for novel_id in novel_ids if novel_id <= BIGINT_MAX]

    def load() -> dict[int, Row]:
        return {row[0]: render_named_card(row) for row in _NAMED_CARDS.rows(ids, reader_id)}

    novels = read_from_database(CARD, ids, tags=novel_tags, load=load, reader_id=reader_id)
    return [novels[novel_id] for novel_id in ids if novel_id in novels]


def novel_read(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return one novel as the API shows it; tags as of `novel_list`."""
    return visible_value(next(iter(novel_list([novel_id], reader_id)), None))


def novel_read_uncached(novel_id: int, owner_id: int) -> Row:
    """Return a novel from the database, for the response to its owner's change: 1 query."""
    [row] = _NAMED_CARDS.rows([novel_id], owner_id)
    return render_named_card(row)


def _key_of(model: Any, column: str, problem: dict[str, list[str]]) -> Callable[[str], int]:
    """Return the look-up of a primary key in a reference table: 1 query, or none if cached.

    The key instead of a join, so that the composite indexes serve the filter. Without such a row
    it raises ValidationError.
    """

    def select(value: str) -> Any:
        return model.objects.filter(**{column: value}).values_list("pk")[:1]

    compiled = CompiledRead(str, build=select)

    def look_up(value: str) -> int:
        # While the cache is usable, django-cachalot has what the queryset reads (docs/caching.md).
        rows = list(select(value)) if is_cache_usable() else compiled.rows(value)
        if not rows:
            raise ValidationError(problem, "does_not_exist")
        return int(rows[0][0])

    return look_up


genre_id = _key_of(Genre, "slug", {"genre": ["There is no genre of this name (slug)."]})
language_id = _key_of(
    Language, "code", {"language": ["There is no language of this code (ISO 639-1)."]}
)


def genre_list() -> list[Row]:
    """Return all genres by name, each with the number of its public novels.

    Tags: `all`, `novels:genre:<id>`.
    """
    return _count_novels("genre", Genre.objects.values_list("pk", "slug", "name"), "slug")


def language_list() -> list[Row]:
    """Return all languages by name, as `genre_list`."""
    return _count_novels("language", Language.objects.values_list("pk", "code", "name"), "code")


def _count_novels(column: str, rows: QuerySet[Any, Any], key: str) -> list[Row]:
    """Return rows of primary key, `key` and name with the numbers of their public novels.

    django-cachalot has the rows; a number is invalidated with the list that it counts.
    """
    named = list(rows.order_by("name", key))
    identities = {f"{column}:{pk}": pk for pk, *_ in named}

    def load(missing: list[str]) -> dict[str, int]:
        totals = PublicCount.objects.totals(column, [identities[each] for each in missing])
        return {each: totals.get(identities[each], 0) for each in missing}

    counts = read_many(COUNT, identities, tags=lambda each: [f"novels:{each}"], load=load)
    return [
        {key: value, "name": name, "novel_count": counts[f"{column}:{pk}"]}
        for pk, value, name in named
    ]


def novel_list_tags(
    scope: Scope, compared: Mapping[str, Any], ordering: Iterable[str]
) -> list[str]:
    """Return the tags of a list of novels, by the columns it compares (`=`) and orders by."""
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
        "author": ListFilter(column="author", description="Novels of exactly this author's name."),
        "owner": ListFilter(
            column="owner",
            parse=parse_id_of("owner"),
            pattern=ID_PATTERN,
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
    kept_count=PublicCount.objects.kept,
    render=lambda page, request: novel_list(page.keys, page.scope.reader_id),
    whole=WholeRows(
        select=lambda novels, scope: novels.select_related("genre", "language", "public_owner"),
        columns=_NAMED_COLUMNS,
        render=lambda page, request: _NAMED_CARD.render_page(page),
    ),
)


def contents_tags(novel_id: int) -> list[str]:
    """Return the tags of a novel's chapters: their rows, and their visibility."""
    return [f"chapters:{novel_id}", f"novel:{novel_id}/access"]


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


def _add_chapters(novels: list[Row], reader_id: int | None, request: Request) -> list[Row]:
    """Return a novel with its first chapters, as of `CHAPTERS`; tags: `contents_tags`."""
    [novel] = novels
    pk, viewer = novel["id"], None if novel["visibility"] == PUBLIC else reader_id
    load = partial(_FIRST_CHAPTERS.rows, pk, viewer)
    chapters = read(CONTENTS, f"{pk}:first", tags=contents_tags(pk), load=load, reader_id=viewer)
    return [novel | {"chapters": [*map(_CHAPTER.render, chapters)]}]


FIRST_CHAPTERS = Expansion(
    f"the first {_EXPANDED} chapters; `/novels/{{id}}/chapters/` has all.", _add_chapters
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
        rows = STATUS_ROWS.rows(novel_id, viewer_id)
        return PROCESSING_STATUS.render(rows[0]) if rows else None

    tags = [f"status:{novel_id}", f"novel:{novel_id}/access"]
    return read_public_then_private(STATUS, novel_id, tags=tags, load=load, reader_id=reader_id)


def status_read_uncached(novel_id: int, owner_id: int) -> Row:
    """Return a processing status from the database, for the response to its change: 1 query."""
    [row] = STATUS_ROWS.rows(novel_id, owner_id)
    return PROCESSING_STATUS.render(row)
