"""What a search found before is brought up to date as if it were searched for again."""

from __future__ import annotations

import random

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from morpheus.db.transactions import write_transaction
from novels import finding
from novels.finding import Asked, Candidate, Changes, Found, Search
from novels.models import Genre, Language, Novel
from novels.search import documents_rebuild, novel_document_rebuild

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


@pytest.fixture
def few(monkeypatch):
    """Find 4 and know 2 more: small numbers meet each other more often."""
    monkeypatch.setattr(finding, "MAX_CANDIDATES", 4)
    monkeypatch.setattr(finding, "SPARE_CANDIDATES", 2)


@pytest.fixture
def library(make_novels, make_chapters):
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


def change(rng, novels):
    """Do one thing that a service, the admin or the worker does; return whether it was done."""
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


def revised(search, found):
    """Return what is known after a look, as `search_candidates` does; and whether it was new."""
    again = search.find_again(found)
    return (search.find(), True) if again is None else (again, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(12))
def test_whatever_happened_what_was_known_becomes_what_would_be_found(few, library, seed):
    rng = random.Random(seed)  # noqa: S311 - no secret
    genre = Genre.objects.order_by("pk").first()
    english = Language.objects.get(code="en")
    filtered = (Search("whale", genre=genre.pk), Search("whales", language=english.pk))
    searches = (*SEARCHES, *filtered)
    known = {search: search.find() for search in searches}
    new = 0

    for _ in range(25):
        for _ in range(rng.randrange(3)):
            change(rng, library)
        for search in rng.sample(searches, 3):
            known[search], is_new = revised(search, known[search])
            assert known[search].best_first == search.find().best_first
            new += is_new

    # Most looks are cheap, or the test would be one of `find`.
    assert new < 25 * 3 / 2


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_late_is_not_missed(library, connect):
    """It began before the search and another one after it committed first."""
    late, early = library[0], library[1]
    slow, quick = connect("owner"), connect("owner")
    slow.autocommit = False

    def withdraw(opened, novel):
        opened.execute("SELECT set_config('app.user_id', %s, false)", [str(novel.owner_id)])
        opened.execute("UPDATE novels_novel SET is_public = false WHERE id = %s", [novel.pk])

    withdraw(slow, late)
    search = Search("whale")
    found = search.find()
    withdraw(quick, early)
    between = search.find_again(found)
    slow.commit()

    after = search.find_again(between)

    def novels(found):
        return {one.novel_id for one in found.best_first}

    assert {late.pk, early.pk} <= novels(found)
    assert late.pk in novels(between) and early.pk not in novels(between)
    assert not {late.pk, early.pk} & novels(after)
    assert novels(search.find_again(found)) == novels(after)


@pytest.mark.django_db(transaction=True)
def test_a_change_of_the_novel_alone_leaves_its_chapters_documents_unread(library):
    novel = library[0]
    search = Search("whale")
    found = search.find()
    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).update(title="Calm")
        novel_document_rebuild(novel_id=novel.pk)
    read = documents_read()

    again = search.find_again(found)

    # Nothing else is in the heap: its own document, which does not match any more.
    assert documents_read() - read <= 3 + 1
    assert len(again.best_first) == len(found.best_first) - 1


def documents_read():
    """Return how many search documents this database has read from its table so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables "
            "WHERE relname = 'novels_searchdocument'"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_more_changes_than_a_new_search_costs_take_one(few, library):
    """Where more is found than is known; what is known whole is never searched anew."""
    some, all_of_it = Search("whale"), Search("whale", kind="novel")
    found = {search: search.find() for search in (some, all_of_it)}
    assert found[some].horizon and not found[all_of_it].horizon
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO novels_searchchange (novel_id, changed, changed_whole) "
            "SELECT -number, pg_current_xact_id(), '0' FROM generate_series(1, 12) number"
        )
    assert some.find_again(found[some]).best_first == found[some].best_first
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO novels_searchchange (novel_id, changed, changed_whole) "
            "VALUES (0, pg_current_xact_id(), '0')"
        )
    assert some.find_again(found[some]) is None
    again = all_of_it.find_again(found[all_of_it])
    assert again.best_first == found[all_of_it].best_first


@pytest.mark.django_db(transaction=True)
def test_more_matches_than_a_search_ranks_take_one(few, library):
    """Rather than all texts with a frequent word, when many novels are published at once."""
    search = Search("captain")
    for novel in library:
        with write_transaction(as_user=novel.owner_id):
            Novel.objects.filter(pk=novel.pk).update(is_public=False)
    found = search.find()
    for novel in library:
        with write_transaction(as_user=novel.owner_id):
            Novel.objects.filter(pk=novel.pk).update(is_public=True)

    assert found.known == [] and search.find_again(found) is None


@pytest.mark.django_db(transaction=True)
def test_many_changes_are_met_with_what_is_found_and_not_read(library, make_novels):
    """A rare word costs no more than its matches, however much changed."""
    rare = library[0]
    documents_rebuild_as(rare, title="A narwhal")
    search = Search("narwhal")
    found = search.find()
    for novel in (*library[1:], *make_novels(20, is_public=True)):
        documents_rebuild_as(novel, title="Calm")
    read = documents_read()

    again = search.find_again(found)

    assert documents_read() - read <= 1
    assert again.best_first == found.best_first == search.find().best_first


def documents_rebuild_as(novel, **values):
    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).update(**values)
        documents_rebuild(novel_id=novel.pk)


DOCUMENTS = st.lists(
    st.tuples(st.integers(1, 30), st.integers(0, 3), st.integers(1, 4), st.booleans()),
    unique_by=lambda row: row[0],
    max_size=20,
)


@given(before=DOCUMENTS, after=DOCUMENTS, most=st.integers(1, 6), spare=st.integers(0, 3))
def test_what_is_known_of_any_two_moments(before, after, most, spare):
    """A model of the database: all documents of all novels are others afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "MAX_CANDIDATES", most)
        patch.setattr(finding, "SPARE_CANDIDATES", spare)
        matches = [
            [
                Candidate(row_id, score, novel, None if is_own else 100 + row_id)
                for row_id, score, novel, is_own in rows
            ]
            for rows in (before, after)
        ]

        def find(rows):
            newest = sorted(rows, key=lambda one: -one.id)[: most + spare]
            return Found.of("", Asked([], []), newest, at_most=most + spare)

        changed = frozenset({1, 2})
        stayed = [one for one in matches[0] if one.novel_id not in changed]
        ids = {one.id for one in stayed}
        entered = [one for one in matches[1] if one.novel_id in changed and one.id not in ids]

        revised = find(matches[0]).revised(Changes("", changed, frozenset(), entered))

        if revised is not None:
            assert revised.best_first == find([*stayed, *entered]).best_first
        else:
            assert len(matches[0]) >= most + spare
