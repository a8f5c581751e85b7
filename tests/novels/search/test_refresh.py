"""The refresh of a cached search gives what a new search would give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from morpheus.db.transactions import write_transaction
from novels.models import Genre, Language, Novel
from novels.search import matches, query
from novels.search.documents import documents_rebuild, novel_document_rebuild
from novels.search.matches import Candidate, Matches
from novels.search.query import Search

WORDS = ("whale", "storm", "captain")
SEARCHES = (
    Search("whale"),
    Search("whale -storm"),
    Search("captain or storm", kind="chapter"),
    Search('"whale storm"', kind="novel"),
    # English texts have it, and no others; and there are few titles with it.
    Search("whales"),
    Search("storm", kind="novel"),
)


def set_limits(monkeypatch: pytest.MonkeyPatch, candidates: Any, spare: Any) -> None:
    for module in (matches, query):
        monkeypatch.setattr(module, "MAX_CANDIDATES", candidates)
        monkeypatch.setattr(module, "SPARE_CANDIDATES", spare)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank 4 candidates and keep 2 spare ones: small numbers reach the limits more often."""
    set_limits(monkeypatch, 4, 2)


@pytest.fixture
def library(make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]) -> Any:
    novels = []
    for number in range(6):
        genre = Genre.objects.order_by("pk")[number % 2]
        english = Language.objects.get(code="en") if number % 3 else None
        novel = make_novels(
            1, title=f"The whale {number}", genre=genre, language=english, is_public=number != 5
        )[0]
        make_chapters(novel, "whale storm", "captain", "whale captain whale")
        novels.append(novel)
    return novels


def change(rng: random.Random, novels: Any) -> None:
    """Make one change that a service, the admin or the worker makes."""
    novel = rng.choice(novels)
    rows = Novel.objects.filter(pk=novel.pk)
    kind = rng.randrange(6)
    with write_transaction(as_user=novel.owner_id):
        if kind == 0:
            rows.update(is_public=rng.random() < 0.6)
        elif kind == 1:
            rows.update(title=" ".join(rng.choices(WORDS, k=2)))
            novel_document_rebuild(novel_id=novel.pk)
        elif kind == 2:
            rows.update(genre=rng.choice([None, *Genre.objects.order_by("pk")[:2]]))
        elif kind == 3:
            rows.update(language=rng.choice([None, *Language.objects.order_by("pk")[:2]]))
        elif kind == 4:
            documents_rebuild(novel_id=novel.pk)
        elif len(novels) > 3:
            rows.delete()
            novels.remove(novel)


def refresh(search: Search, cached: Matches) -> tuple[Matches, bool]:
    """Return the matches after a refresh, as `search_candidates` does; and whether it searched."""
    refreshed = search.refresh(cached)
    return (search.match(), True) if refreshed is None else (refreshed, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(12))
def test_after_any_changes_a_refresh_gives_what_a_new_search_gives(
    few: None, library: list[Any], seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    genre = Genre.objects.earliest("pk")
    english = Language.objects.get(code="en")
    filtered = (Search("whale", genre=genre.pk), Search("whales", language=english.pk))
    searches = (*SEARCHES, *filtered)
    cached = {search: search.match() for search in searches}
    new = 0

    for _ in range(25):
        for _ in range(rng.randrange(3)):
            change(rng, library)
        for search in rng.sample(searches, 3):
            cached[search], is_new = refresh(search, cached[search])
            assert cached[search].rank() == search.match().rank()
            new += is_new

    # Most refreshes do not search, or the test would be one of `match`.
    assert new < 25 * 3 / 2


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_late_is_not_missed(
    library: Any, connect: Callable[[str], psycopg.Connection]
) -> None:
    """It began before the search and another one after it committed first."""
    late, early = library[0], library[1]
    slow, quick = connect("owner"), connect("owner")
    slow.autocommit = False

    def withdraw(opened: Any, novel: Any) -> None:
        opened.execute("SELECT set_config('app.user_id', %s, false)", [str(novel.owner_id)])
        opened.execute("UPDATE novels_novel SET is_public = false WHERE id = %s", [novel.pk])

    withdraw(slow, late)
    search = Search("whale")
    before = search.match()
    withdraw(quick, early)
    between = search.refresh(before)
    assert between is not None
    slow.commit()

    after = search.refresh(between)

    def novels(matches: Matches | None) -> set[int]:
        assert matches is not None
        return {candidate.novel_id for candidate in matches.rank()}

    assert {late.pk, early.pk} <= novels(before)
    assert late.pk in novels(between) and early.pk not in novels(between)
    assert not {late.pk, early.pk} & novels(after)
    assert novels(search.refresh(before)) == novels(after)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("indexes_used")
def test_a_change_of_the_novel_alone_leaves_its_chapters_documents_unread(library: Any) -> None:
    novel = library[0]
    search = Search("whale")
    before = search.match()
    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).update(title="Calm")
        novel_document_rebuild(novel_id=novel.pk)
    read = documents_read()

    refreshed = search.refresh(before)

    # From the heap it reads the novel's own document alone, which does not match any more.
    assert documents_read() - read <= 3 + 1
    assert refreshed is not None
    assert len(refreshed.rank()) == len(before.rank()) - 1


@pytest.fixture
def indexes_used(transactional_db: None) -> Iterator[None]:
    """Plan as for large tables: after an ANALYZE by chance, a scan of so few rows is cheaper."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan TO off")
        yield
        cursor.execute("RESET enable_seqscan")


def documents_read() -> int:
    """Return how many search documents this database has read from its table so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables "
            "WHERE relname = 'novels_searchdocument'"
        )
        (count,) = cursor.fetchone()
    return int(count)


@pytest.mark.django_db(transaction=True)
def test_more_changes_than_a_new_search_costs_need_a_new_search(few: Any, library: Any) -> None:
    """If there are more matches than candidates; complete candidates are always refreshed."""
    partial, complete = Search("whale"), Search("whale", kind="novel")
    cached = {search: search.match() for search in (partial, complete)}
    assert cached[partial].horizon and not cached[complete].horizon
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO novels_searchchange (novel_id, changed, changed_whole) "
            "SELECT -number, pg_current_xact_id(), '0' FROM generate_series(1, 12) number"
        )
    refreshed = partial.refresh(cached[partial])
    assert refreshed is not None and refreshed.rank() == cached[partial].rank()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO novels_searchchange (novel_id, changed, changed_whole) "
            "VALUES (0, pg_current_xact_id(), '0')"
        )
    assert partial.refresh(cached[partial]) is None
    refreshed = complete.refresh(cached[complete])
    assert refreshed is not None and refreshed.rank() == cached[complete].rank()


@pytest.mark.django_db(transaction=True)
def test_more_matches_than_a_search_ranks_need_a_new_search(few: Any, library: Any) -> None:
    """A refresh does not rank all texts with a frequent word after a mass publication."""
    search = Search("captain")
    for novel in library:
        with write_transaction(as_user=novel.owner_id):
            Novel.objects.filter(pk=novel.pk).update(is_public=False)
    before = search.match()
    for novel in library:
        with write_transaction(as_user=novel.owner_id):
            Novel.objects.filter(pk=novel.pk).update(is_public=True)

    assert before.candidates == [] and search.refresh(before) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("indexes_used")
def test_a_refresh_reads_only_matching_documents_of_many_changed_novels(
    library: Any, make_novels: Callable[..., list[Any]]
) -> None:
    """A rare word costs no more than its matches, however many novels changed."""
    rare = library[0]
    documents_rebuild_as(rare, title="A narwhal")
    search = Search("narwhal")
    before = search.match()
    for novel in (*library[1:], *make_novels(20, is_public=True)):
        documents_rebuild_as(novel, title="Calm")
    read = documents_read()

    refreshed = search.refresh(before)

    assert documents_read() - read <= 1
    assert refreshed is not None
    assert refreshed.rank() == before.rank() == search.match().rank()


def documents_rebuild_as(novel: Any, **values: Any) -> None:
    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).update(**values)
        documents_rebuild(novel_id=novel.pk)


DOCUMENTS = st.lists(
    st.tuples(st.integers(1, 30), st.integers(0, 3), st.integers(1, 4), st.booleans()),
    unique_by=lambda row: row[0],
    max_size=20,
)


@given(before=DOCUMENTS, after=DOCUMENTS, most=st.integers(1, 6), spare=st.integers(0, 3))
def test_a_refresh_between_any_two_snapshots(
    before: Any, after: Any, most: Any, spare: Any
) -> None:
    """A model of the database, whose documents are all replaced."""
    with pytest.MonkeyPatch.context() as patch:
        set_limits(patch, most, spare)
        snapshots = [
            [
                Candidate(row_id, score, novel, None if is_own else 100 + row_id)
                for row_id, score, novel, is_own in rows
            ]
            for rows in (before, after)
        ]

        def match(rows: Any) -> Any:
            newest = sorted(rows, key=lambda candidate: -candidate.id)[: most + spare]
            return Matches.of("", [], [], newest, at_most=most + spare)

        changed = frozenset({1, 2})
        stayed = [row for row in snapshots[0] if row.novel_id not in changed]
        ids = {row.id for row in stayed}
        entered = [row for row in snapshots[1] if row.novel_id in changed and row.id not in ids]

        refreshed = match(snapshots[0]).refresh("", whole=changed, own=frozenset(), matches=entered)

        if refreshed is not None:
            assert refreshed.rank() == match([*stayed, *entered]).rank()
        else:
            assert len(snapshots[0]) >= most + spare
