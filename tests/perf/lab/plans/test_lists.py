"""Every list, in every ordering and under every filter, reads its pages by its own index."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import connection

from perf.lab.plans.report import prove
from perf.monitoring.list_routes import Combination, api_routes, combinations
from perf.seeding.tables import SEEDED


@pytest.fixture(params=["auto", "force_generic_plan"])
def plan_cache_mode(request, db):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL plan_cache_mode = {request.param}")


def test_every_list_reads_the_same_few_buffers_at_any_depth(seeded, plan_cache_mode):
    proofs = [prove(combination) for combination in combinations()]

    assert [fault for proof in proofs for fault in proof.faults] == []
    assert len(proofs) >= 55


def test_the_command_shows_and_judges_one_route(seeded, db, capsys):
    call_command("perf_plans", "--route", "/panels/", "--json")

    (proof,) = json.loads(capsys.readouterr().out)
    assert proof["route"] == "/comics/{comic_id}/panels/"
    assert proof["index"] == "comics_panel_number_uq"
    # Two pages at each end of this few data: which leaf a row lies on is chance.
    assert proof["depth"]["late"] <= 1.2 * proof["depth"]["early"] + 1


def test_a_list_whose_end_costs_more_than_its_beginning_fails(seeded, db, monkeypatch):
    """As if the cursor were compared with an expression, which no index begins with."""
    by_title = next(one for one in combinations() if one.ordering == "title")

    def scanned(queryset, columns, position, backwards, count, names):
        rows = queryset.order_by("title", "id").values_list(*names)
        if position is not None:
            rows = rows.extra(where=["novels_novel.title || '' > %s"], params=position.values[:1])
        return list(rows[:count])

    monkeypatch.setattr("morpheus.cache.pagination.page_rows", scanned)

    proof = prove(by_title, with_depth=True)

    assert any("the last 8 pages read" in fault for fault in proof.faults)


def test_an_ordering_without_an_index_fails_and_the_message_names_the_index(seeded, db):
    novels = next(route for route in api_routes() if route.path == "/novels/")

    class Longest(novels.view):
        orderings = {"-chapter_count": ("-chapter_count", "-id")}

    route = type(novels)("/novels/", Longest)
    faults = prove(Combination(route, "-chapter_count", {"genre": None})).faults

    assert any("rows are sorted" in fault for fault in faults)
    assert faults[-1] == (
        'Add to Novel.Meta.indexes: models.Index(fields=["genre", "chapter_count", "id"], '
        'name="novels_novel_genre_chapter_idx", condition=Q(is_public=True))'
    )


def test_a_filter_that_passes_rows_by_fails(seeded, db):
    """The index of the ordering alone serves neither the filter nor its condition."""
    novels = next(route for route in api_routes() if route.path == "/novels/")

    def by_length(queryset, value, request):
        return queryset.filter(chapter_count=value)

    by_length.columns = ("chapter_count",)

    class Filtered(novels.view):
        orderings = {"-word_count": ("-word_count", "-id")}
        filters = {"chapters": by_length}

    route = type(novels)("/novels/", Filtered)
    faults = prove(Combination(route, "-word_count", {"chapters": None})).faults

    assert faults
    assert 'fields=["chapter_count", "word_count", "id"]' in faults[-1]


def test_the_tables_were_large_enough_to_prove_something(seeded, db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE reltuples < 300 AND relkind = 'r'")
        small = {name for (name,) in cursor.fetchall()}

    assert small & {*SEEDED} <= {"comics_image"}
