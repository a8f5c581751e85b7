"""Cached reads of novels; docs/caching.md says under which tags, and who ends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

from morpheus.cache.batch_read import read_from_database
from morpheus.cache.cached_reads import (
    VisibleValue,
    is_cache_usable,
    read,
    read_many,
    read_public_then_private,
    read_stale,
)
from morpheus.db.compiled_reads import CompiledRead
from novels.cache_policies import CARD, CHAPTER, SEARCH, SNIPPET, STATUS
from novels.finding import MAX_CANDIDATES, Asked, Candidate, Found, Search, newest_first
from novels.models import Chapter, Novel, ProcessingStatus
from novels.serializers import (
    PUBLIC,
    ChapterTextSerializer,
    novel_card,
    status_shown,
    with_owner,
)
from users.reads import user_names

Shown = dict[str, Any]

# The most that a primary key can be.
_BIGINT_MAX = 2**63 - 1

_PUBLIC_CARDS = CompiledRead(
    list, build=lambda ids: Novel.objects.public().of_ids(ids).kept_cards()
)
_OWN_CARDS = CompiledRead(
    *(list, int),
    build=lambda ids, reader: Novel.objects.visible_to(reader).of_ids(ids).kept_cards(),
)
# The same with the owners' names.
_PUBLIC_WHOLE = CompiledRead(
    list, build=lambda ids: Novel.objects.public().of_ids(ids).whole_cards()
)
_OWN_WHOLE = CompiledRead(
    *(list, int),
    build=lambda ids, reader: Novel.objects.visible_to(reader).of_ids(ids).whole_cards(),
)
_PUBLIC_STATUS = CompiledRead(
    int, build=lambda novel: ProcessingStatus.objects.public().of_novel(novel)
)
_OWN_STATUS = CompiledRead(
    *(int, int),
    build=lambda novel, reader: ProcessingStatus.objects.visible_to(reader).of_novel(novel),
)


def novel_cards(
    novel_ids: Iterable[int], reader_id: int | None = None
) -> dict[int, dict[str, Any]]:
    """Return novels as the API shows them, but of their owners the ids; without the unseen.

    Tag: `novel:<id>`. What everybody sees is loaded as nobody; the rest, as the reader.
    """
    wanted = [novel_id for novel_id in novel_ids if novel_id <= _BIGINT_MAX]
    cards = _cards(wanted, None)
    if reader_id is not None:
        cards |= _cards([pk for pk in wanted if pk not in cards], reader_id)
    return cards


def _cards(novel_ids: list[int], reader_id: int | None) -> dict[int, dict[str, Any]]:
    def load(missing: list[int]) -> dict[int, dict[str, Any]]:
        if reader_id is None:
            rows = _PUBLIC_CARDS.rows(missing)
        else:
            rows = _OWN_CARDS.rows(missing, reader_id)
        return {row[0]: novel_card(row) for row in rows}

    cards = read_many(CARD, novel_ids, tags=_novel_tags, load=load, reader_id=reader_id)
    return {novel_id: card for novel_id, card in cards.items() if card is not None}


def _novel_tags(novel_id: int) -> list[str]:
    return [f"novel:{novel_id}"]


def novel_list(novel_ids: Sequence[int], reader_id: int | None = None) -> list[Shown]:
    """Return novels as the API shows them, in the order of their ids, without the unseen.

    Tags: `novel:<id>`, `name:<owner>`.
    """
    if not is_cache_usable():
        return _shown_at_once(novel_ids, reader_id)
    cards = novel_cards(novel_ids, reader_id)
    names = user_names(card["owner"] for card in cards.values())
    return [
        with_owner(card, name)
        for card in (cards[novel_id] for novel_id in novel_ids if novel_id in cards)
        # Without one, both were deleted since the card was read.
        if (name := names[card["owner"]]) is not None
    ]


def _shown_at_once(novel_ids: Sequence[int], reader_id: int | None) -> list[Shown]:
    """Return the same where nothing is kept apart: by 1 query, with the names."""
    wanted = [novel_id for novel_id in novel_ids if novel_id <= _BIGINT_MAX]

    def load() -> dict[int, Shown]:
        if reader_id is None:
            rows = _PUBLIC_WHOLE.rows(wanted)
        else:
            rows = _OWN_WHOLE.rows(wanted, reader_id)
        return {row[0]: with_owner(novel_card(row[:-1]), row[-1]) for row in rows}

    novels = read_from_database(CARD, wanted, tags=_novel_tags, load=load, reader_id=reader_id)
    return [novels[novel_id] for novel_id in wanted if novel_id in novels]


def novel_read(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return one novel as the API shows it; tags as of `novel_list`."""
    novel = next(iter(novel_list([novel_id], reader_id)), None)
    return VisibleValue(novel, novel is not None and novel["visibility"] == PUBLIC)


def novel_access(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return the card of a novel, if the reader may see what belongs to it."""
    card = novel_cards([novel_id], reader_id).get(novel_id)
    return VisibleValue(card, card is not None and card["visibility"] == PUBLIC)


def novel_list_tags(compared: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """Return the tags of a list of public novels.

    Args:
        compared: The columns that the list compares for equality, with their values.
        columns: By which it is ordered.
    """
    by = {name: value for name, value in compared.items() if name != "is_public"}
    if by.keys() == {"genre", "language"}:
        name = f"novels:pair:{by['genre']}:{by['language']}"
    elif by:
        [(column, value)] = by.items()
        if column == "author":  # Of any length, with any character.
            value = md5(value.encode(), usedforsecurity=False).hexdigest()
        name = f"novels:{column}:{value}"
    else:
        name = "novels:all"
    return [name, *(f"{name}/{each}" for each in columns if each in ("title", "word_count"))]


def chapter_read(novel_id: int, number: int, reader_id: int | None) -> VisibleValue:
    """Return a chapter with its text; tags: `contents_tags`."""

    def load(viewer_id: int | None) -> Shown | None:
        chapters = Chapter.objects.of_novel(novel_id).visible_to(viewer_id).for_reader()
        chapter = chapters.filter(number=number).first()
        return chapter and dict(ChapterTextSerializer(chapter).data)

    tags = contents_tags(novel_id)
    return read_public_then_private(
        CHAPTER, f"{novel_id}:{number}", tags=tags, load=load, reader_id=reader_id
    )


def contents_tags(novel_id: int) -> list[str]:
    """Return the tags of a novel's chapters: what they are, and who may see them."""
    return [f"chapters:{novel_id}", _access_tag(novel_id)]


def _access_tag(novel_id: int) -> str:
    """Return the tag of who may see what belongs to a novel, and of its language."""
    return f"novel:{novel_id}/access"


def novel_status(novel_id: int, reader_id: int | None) -> VisibleValue:
    """Return how far a novel is parsed; tags: `status:<novel>`, `novel:<novel>/access`."""

    def load(viewer_id: int | None) -> Shown | None:
        if novel_id > _BIGINT_MAX:
            return None
        if viewer_id is None:
            rows = _PUBLIC_STATUS.rows(novel_id)
        else:
            rows = _OWN_STATUS.rows(novel_id, viewer_id)
        return status_shown(rows[0]) if rows else None

    tags = [f"status:{novel_id}", _access_tag(novel_id)]
    return read_public_then_private(STATUS, novel_id, tags=tags, load=load, reader_id=reader_id)


def search_candidates(search: Search) -> list[Candidate]:
    """Return what a search finds, best first; tag: `search`, or of my own `search:<reader>`.

    What was found before in public novels is brought up to date by what changed since.
    """
    reader_id = search.reader_id

    def load() -> list[Any]:
        kept = read_stale(SEARCH, search.digest) if reader_id is None else None
        found = search.find_again(_unkept(kept)) if kept is not None else None
        return _kept(found or search.find())

    served, _ = read(
        SEARCH,
        search.digest,
        tags=["search" if reader_id is None else f"search:{reader_id}"],
        load=load,
        reader_id=reader_id,
    )
    return [Candidate(*row) for row in served]


def _kept(found: Found) -> list[Any]:
    """Return what is served, and what else `find_again` needs."""
    served, spare = found.best_first, found.known[MAX_CANDIDATES:]
    return [
        [*map(list, served)],
        [found.moment, [*found.asked], found.horizon, [*map(list, spare)]],
    ]


def _unkept(kept: list[Any]) -> Found:
    served, (moment, asked, horizon, spare) = kept
    known = (Candidate(*row) for row in (*served, *spare))
    return Found(moment, Asked(*asked), horizon, newest_first(known))


def search_results(search: Search, page: Sequence[Candidate]) -> list[Shown]:
    """Return candidates as the API shows them, in their order, without the unseen.

    Tags: `novel:<id>`, `chapters:<novel>`. Their titles are those of the cards.
    """
    cards = novel_cards({one.novel_id for one in page}, search.reader_id)
    snippets = _snippets(search, [one for one in page if one.novel_id in cards])
    return [
        {
            "kind": "novel" if one.chapter_id is None else "chapter",
            "novel": one.novel_id,
            "novel_title": cards[one.novel_id]["title"],
            "chapter": shown["chapter"],
            "title": cards[one.novel_id]["title"] if one.chapter_id is None else shown["title"],
            "snippet": shown["snippet"],
            "rank": one.score / 1_000_000,
        }
        for one in page
        if (shown := snippets.get(one.id)) is not None
    ]


def _snippets(search: Search, page: Sequence[Candidate]) -> dict[int, Shown | None]:
    by_key = {f"{one.id}:{search.words_digest}": one for one in page}

    def load(missing: list[str]) -> dict[str, Shown]:
        snippets = search.snippets([by_key[key] for key in missing])
        return {key: snippets[by_key[key].id] for key in missing if by_key[key].id in snippets}

    kept = read_many(
        SNIPPET,
        by_key,
        tags=lambda key: _snippet_tags(by_key[key]),
        load=load,
        reader_id=search.reader_id,
    )
    return {by_key[key].id: shown for key, shown in kept.items()}


def _snippet_tags(one: Candidate) -> list[str]:
    """Return the tags of a snippet: of a novel's own text, or of a chapter's."""
    return _novel_tags(one.novel_id) if one.chapter_id is None else contents_tags(one.novel_id)
