"""`perf_advise` says what it found, tries only where it is told to, and leaves nothing behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Index

from novels.models import Novel
from perf.monitoring.index_advice import waste
from perf.monitoring.index_advice.advise import advised
from perf.monitoring.index_advice.candidates import Candidate
from perf.monitoring.index_advice.parameters import UnknownParameter, filled
from perf.monitoring.index_advice.report import drop_texts
from perf.monitoring.index_advice.trial import refuse_where_it_would_harm, tried
from perf.monitoring.index_advice.workload import Workload, counted, elsewhere, normal
from perf.monitoring.list_routes import combinations
from tests.perf.monitoring.index_advice.conftest import client, owner_runs, work_of


def all_names():
    """Return every table, index and function that there is, and who a function runs as."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace UNION "
            "SELECT proname || prosecdef FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.fixture
def few_lists(monkeypatch):
    """Ask one combination of each list."""
    kept = [one for one in combinations() if one.ordering == "title" and not one.filters]
    monkeypatch.setattr("perf.monitoring.index_advice.workload.combinations", lambda: kept)


def test_without_the_flag_candidates_are_only_printed(dropped, few_lists, capsys):
    dropped("comics_comic_title_idx")
    before = all_names()

    call_command("perf_advise", "--route", "/comics/")

    said = capsys.readouterr().out
    assert "── comics_comic_title_idx on comics_comic" in said
    assert "for GET /comics/ ordering=title filter=–, second page" in said
    assert "Nothing was tried." in said and "become" not in said
    assert all_names() == before


def test_with_the_flag_each_is_measured_and_undone(dropped, few_lists, capsys):
    dropped("comics_comic_title_idx")
    before = all_names()

    call_command("perf_advise", "--route", "/comics/", "--try")

    said = capsys.readouterr().out
    assert "It helps:" in said
    assert "Index Only Scan comics_comic_title_idx" in said
    assert "Inserting a row:" in said and "Writers of the table waited" in said
    assert 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "comics_comic_title_idx"' in said
    assert all_names() == before


def test_nothing_is_tried_where_others_are_served_unless_they_may_wait(unblocked):
    with client("app"):
        with pytest.raises(CommandError, match="--with-clients"):
            call_command("perf_advise", "--route", "/panels/", "--try")
        refuse_where_it_would_harm(clients_too=True)
    refuse_where_it_would_harm()


def test_a_writer_that_holds_the_table_is_not_waited_for_long(undeclared, monkeypatch):
    undeclared(Novel, "novels_novel_genre_title_idx")
    monkeypatch.setattr("perf.monitoring.index_advice.session.LOCK_TIMEOUT_MS", 50)
    (candidate,), _ = advised(
        work_of("/novels/", "title", filters={"genre"}), with_foreign_keys=False
    )

    with client("superuser") as writer, writer.transaction():
        writer.execute("LOCK TABLE novels_novel IN ROW EXCLUSIVE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            tried(candidate)


def test_an_index_that_does_not_help_is_not_advised(undeclared):
    """The filter drops next to nothing, so that any index reads what the table has."""
    work = work_of("/novels/", "title")
    useless = Index(fields=["chapter_count"], name="useless_idx")

    trial = tried(Candidate(Novel, [useless], asked=work.asked))

    assert not trial.helps and not trial.is_used


def test_what_the_server_saw_is_looked_at_with_values_that_the_table_has(unblocked):
    with connection.cursor() as cursor:
        for _ in range(6):
            cursor.execute(
                "SELECT novels_novel.id FROM novels_novel WHERE novels_novel.chapter_count = %s "
                "AND novels_novel.is_public ORDER BY novels_novel.updated_at DESC LIMIT %s",
                [4, 10],
            )
            cursor.fetchall()

    notes = []
    # Of what other tests ran, none has this ordering.
    ordering = "ORDER BY novels_novel.updated_at DESC"
    seen = [one for one in elsewhere(counted(), set(), notes) if ordering in one.statement.sql]
    (candidate,), _ = advised(Workload(seen, []), with_foreign_keys=False)

    assert seen[0].by.startswith("pg_stat_statements: SELECT") and seen[0].calls >= 6
    assert list(candidate.forms[0].fields) == ["chapter_count", "updated_at"]
    assert dict(candidate.forms[0].condition.children) == {"is_public": True}


def test_a_value_that_cannot_be_told_is_said(unblocked):
    with pytest.raises(UnknownParameter, match=r"\$1 cannot be told"):
        filled("SELECT id FROM novels_novel WHERE length(title) > $1")


def test_statements_are_the_same_whatever_their_values():
    mine = "SELECT a FROM t WHERE b = %s AND c IN (%s, %s) LIMIT 21"
    theirs = "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3) LIMIT $4"

    assert normal(mine) == normal(theirs)
    assert normal(mine) != normal(mine.replace("b =", "d ="))


def test_a_double_index_is_dropped_by_a_migration_with_a_way_back(unblocked):
    owner_runs("CREATE INDEX double_idx ON novels_searchdocument (novel_id, chapter_id)")
    try:
        (found,) = (one for one in waste.doubles({}) if one.table == "novels_searchdocument")
    finally:
        owner_runs("DROP INDEX double_idx")

    assert found.index == "double_idx"
    assert "novels_search_novel_idx has the same columns" in found.why
    assert 'DROP INDEX CONCURRENTLY IF EXISTS "double_idx"' in found.migration.text
    assert "CREATE INDEX CONCURRENTLY double_idx" in found.migration.text


def test_young_statistics_drop_nothing(unblocked, capsys):
    call_command("perf_advise", "--route", "/nothing/")
    assert "not used" not in capsys.readouterr().out

    said = "\n".join(drop_texts({}))
    assert "too short to drop one for it" in said
    assert "RemoveIndexConcurrently" not in said


def test_old_statistics_drop_what_was_never_used(unblocked, monkeypatch):
    monkeypatch.setattr(waste, "OLD_ENOUGH", timedelta(0))
    # Other tests may have used any of those that there are.
    owner_runs("CREATE INDEX nobodys_idx ON novels_novel (chapter_count, word_count)")
    try:
        said = "\n".join(drop_texts({}))
    finally:
        owner_runs("DROP INDEX nobodys_idx")

    assert 'DROP INDEX CONCURRENTLY IF EXISTS "nobodys_idx"' in said
    assert "_pkey on" not in said and "_uq on" not in said and "_fk_idx on" not in said
