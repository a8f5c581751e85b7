"""An index that a route needs is missed: exactly that one is proposed, and its migration heals."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.postgres.indexes import GinIndex
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import Index, Q

from comics.models import Comic
from novels.models import Novel, ProcessingStatus, SearchDocument
from perf.lab.plans.capture import Statement
from perf.lab.plans.explain import explain
from perf.monitoring.index_advice.advise import advised, migration
from perf.monitoring.index_advice.migrations import meta_line
from perf.monitoring.index_advice.trial import tried
from perf.monitoring.index_advice.waste import of_foreign_keys
from perf.monitoring.index_advice.workload import Asked, Workload
from tests.perf.monitoring.index_advice.conftest import applied, loaded, owner_runs, work_of
from users.models import shown_index

GENRE_TITLE = "novels_novel_genre_title_idx"
PLAIN = "plain_search_matches"


def without_name(index):
    path, _, options = index.deconstruct()
    return path, {key: value for key, value in options.items() if key != "name"}


def advice_on(work):
    found, notes = advised(work, with_foreign_keys=False)
    assert notes == []
    return found


@pytest.fixture
def search_of(unblocked):
    """Search by a function in SQL that looks past row level security; search's own is PL/pgSQL."""
    create = import_module("novels.migrations.0004_search_function").MATCHES
    owner_runs(
        create.replace("novels_search_matches", PLAIN),
        f"ALTER FUNCTION {PLAIN} OWNER TO morpheus_loader",
    )
    sql = f"SELECT * FROM {PLAIN}(%s, false, NULL, NULL, NULL, 1000)"
    yield lambda word: Workload([Asked("GET /search/", Statement(sql, (word,)), None)], [])
    owner_runs("SET ROLE morpheus_loader", f"DROP FUNCTION {PLAIN}", "RESET ROLE")


def test_nothing_is_proposed_while_every_list_has_its_index(unblocked):
    work = work_of("/novels/", "title", "-created_at", filters={"genre"})

    assert advice_on(work) == []


def test_a_filtered_list_gets_the_very_index_back_that_its_model_had(undeclared):
    """Equal columns first, then the ordering; its condition; what row level security compares."""
    index = undeclared(Novel, GENRE_TITLE)
    work = work_of("/novels/", "title", "-title", filters={"genre"})

    (candidate,) = advice_on(work)
    trial = tried(candidate)

    assert (without_name(trial.index), trial.index.name) == (without_name(index), GENRE_TITLE)
    assert not candidate.is_declared
    assert len(candidate.asked) == len(work.asked)
    assert any("dropped by a filter" in reason for reason in candidate.reasons)


def test_a_trial_says_what_the_index_spares_and_costs(undeclared):
    undeclared(Novel, GENRE_TITLE)
    (candidate,) = advice_on(work_of("/novels/", "title", filters={"genre"}))

    trial = tried(candidate)

    before, after = trial.buffers
    assert trial.helps and after * 3 < before
    assert all(one.nodes.startswith("Index Only Scan novels_novel_") for one in trial.after)
    assert trial.size_bytes > 50_000
    without, with_it = trial.writes
    assert with_it.wal_bytes > without.wal_bytes


def test_the_printed_migration_applies_and_the_plan_is_right_again(undeclared, monkeypatch):
    declared = [*Novel._meta.indexes]
    undeclared(Novel, GENRE_TITLE)
    work = work_of("/novels/", "title", filters={"genre"})
    (candidate,) = advice_on(work)
    written = {}

    printed = migration(candidate, written)
    state = applied(loaded(printed.text, "novels"), without=("novels", "novel", GENRE_TITLE))

    for one in work.asked:
        assert GENRE_TITLE in {node.index for node in explain(one.statement, None).nodes}
    monkeypatch.setattr(Novel._meta, "indexes", declared)
    detector = MigrationAutodetector(state, ProjectState.from_apps(apps))
    assert detector.changes(MigrationLoader(None).graph) == {}
    last = max(name for app, name in MigrationLoader(None).disk_migrations if app == "novels")
    name = f"{int(last[:4]) + 1:04}_add_genre_title_index"
    assert printed.path == f"novels/migrations/{name}.py"
    assert written == {"novels": name}
    assert "atomic = False" in printed.text and "AddIndexConcurrently" in printed.text


def test_the_printed_line_is_the_index_in_the_words_of_the_models(undeclared):
    undeclared(Novel, GENRE_TITLE)
    (candidate,) = advice_on(work_of("/novels/", "title", filters={"genre"}))

    line = meta_line(candidate.forms[0])

    assert line == (
        f'shown_index("genre", "title", "id", name="{GENRE_TITLE}", condition=Q(is_public=True)),'
    )
    names = {"shown_index": shown_index, "Q": Q}
    assert eval(line.rstrip(","), names) == candidate.forms[0]  # noqa: S307


def test_an_index_that_only_this_database_lacks_is_made_where_it_is_missing(dropped):
    dropped(GENRE_TITLE)
    (candidate,) = advice_on(work_of("/novels/", "title", filters={"genre"}))

    printed = migration(candidate, {})
    for _ in range(2):  # Where it is, nothing happens.
        applied(loaded(printed.text, "novels"))

    assert candidate.is_declared
    assert advice_on(work_of("/novels/", "title", filters={"genre"})) == []


def test_a_list_of_all_rows_gets_an_index_of_all_rows(undeclared):
    index = undeclared(Comic, "comics_comic_mine_title_idx")
    undeclared(Comic, "comics_comic_owner_title_idx")
    work = work_of("/comics/", "title", filters={"owner"})
    mine = Workload([one for one in work.asked if "owner=me" in one.by], [])

    (candidate,) = advice_on(mine)

    assert without_name(candidate.forms[0]) == without_name(index)


def test_a_covering_index_is_proposed_where_a_plain_one_looks_at_every_row(undeclared):
    index = undeclared(Novel, "novels_novel_title_idx")
    owner_runs("CREATE INDEX plain_idx ON novels_novel (title, id) WHERE is_public")
    try:
        (candidate,) = advice_on(work_of("/novels/", "title"))
        trial = tried(candidate)
    finally:
        owner_runs("DROP INDEX plain_idx")

    assert trial.helps
    assert without_name(trial.index) == without_name(index)
    assert any("pages are looked at for" in reason for reason in candidate.reasons)


def test_search_gets_its_gin_index_though_a_function_hides_the_plan(undeclared, search_of):
    index = undeclared(SearchDocument, "novels_search_vector_idx")
    word = max(Novel.objects.public().earliest("pk").title.split(), key=len)
    work = search_of(word)

    (candidate,) = advice_on(work)
    trial = tried(candidate)
    printed = migration(candidate, {}, trial.index)
    applied(loaded(printed.text, "novels"), ("novels", "searchdocument", index.name))
    try:
        healed = explain(work.asked[0].statement, None).buffers
    finally:
        owner_runs(f"DROP INDEX {trial.index.name}")

    assert isinstance(trial.index, GinIndex)
    assert without_name(trial.index) == without_name(index)
    assert trial.helps and trial.is_used
    assert abs(healed - trial.buffers[1]) <= 5


def test_the_function_looks_past_row_level_security_again_afterwards(undeclared, search_of):
    undeclared(SearchDocument, "novels_search_vector_idx")
    advice_on(search_of("the"))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prosecdef, proconfig IS NOT NULL FROM pg_proc WHERE proname = %s",
            [PLAIN],
        )
        assert cursor.fetchone() == (True, True)


def followed_keys(model):
    """Return what is proposed for a table; other tests may have deleted parents of others."""
    return [each for each in of_foreign_keys() if each.model is model]


@pytest.mark.parametrize(
    ("model", "name", "field", "without"),
    [
        (Comic, "comics_comic_cover_fk_idx", "cover", "Seq Scan"),
        # Another one ends with the column: it is read whole.
        (SearchDocument, "novels_search_chapter_idx", "chapter", "Index Only Scan"),
    ],
)
def test_a_foreign_key_gets_its_index_back(dropped, model, name, field, without):
    dropped(name)

    (candidate,) = followed_keys(model)
    trial = tried(candidate)
    applied(loaded(migration(candidate, {}).text, model._meta.app_label))

    assert candidate.forms == [Index(fields=[field], name=name)]
    assert trial.helps and trial.before[0].nodes.startswith(without)
    assert followed_keys(model) == []


def test_rows_that_go_with_their_parent_get_an_index_nobody_declared(undeclared):
    undeclared(SearchDocument, "novels_search_chapter_idx")

    (candidate,) = followed_keys(SearchDocument)

    assert candidate.forms[0].fields == ["chapter"]
    assert "ON DELETE CASCADE" in candidate.reasons[0]


def test_conditions_on_two_columns_and_a_list_of_values_make_one_index(undeclared):
    index = undeclared(ProcessingStatus, "novels_status_owner_idx")
    statement = Statement(
        "SELECT count(*) FROM novels_processingstatus WHERE owner_id = %s AND state IN (%s, %s)",
        (1, "failed", "pending"),
    )

    (candidate,) = advice_on(Workload([Asked("GET /x/", statement, 1)], []))

    assert candidate.forms[-1].fields == index.fields
