"""Every list, in every ordering and under every filter, reads its pages by its own index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from morpheus.api.reads import ListFilter
from novels.reads import NOVELS
from perf.lab.plans.list_pages import PAGES_AT_EACH_END
from perf.lab.plans.list_proofs import prove
from perf.monitoring.list_routes import Combination, Route, list_api_routes, list_combinations
from perf.seeding.database import SEEDED

pytestmark = pytest.mark.usefixtures("small_data", "db")


@pytest.fixture(params=["auto", "force_generic_plan"])
def plan_cache_mode(request: pytest.FixtureRequest, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL plan_cache_mode = {request.param}")


@pytest.mark.usefixtures("plan_cache_mode")
def test_every_list_reads_the_same_few_buffers_at_any_depth() -> None:
    proofs = [prove(combination) for combination in list_combinations()]

    assert [fault for proof in proofs for fault in proof.faults] == []
    assert len(proofs) >= 55


def test_the_command_shows_and_proves_one_route(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("perf_plans", "--route", "/panels/")

    headings, row, *_, verdict = capsys.readouterr().out.splitlines()
    assert headings.split()[0] == "route"
    assert row.split()[0] == "/comics/{comic_id}/panels/"
    assert "comics_panel_number_uq" in row
    assert verdict == "ok"


def test_the_last_pages_cost_as_much_as_the_first_ones() -> None:
    (panels,) = [each for each in list_combinations() if "/panels/" in each.route.path]

    plans = prove(panels, pages=PAGES_AT_EACH_END).plans

    # Two pages at each end of this small data: chance decides on which leaf a row lies.
    assert plans is not None
    assert plans.late_buffers <= 1.2 * plans.early_buffers + 1


def test_a_list_whose_end_costs_more_than_its_beginning_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the cursor were compared with an expression, which no index begins with."""
    by_title = next(each for each in list_combinations() if each.ordering == "title")

    def scan(queryset: Any, columns: Any, position: Any, backwards: bool) -> Any:
        rows = queryset.order_by("title", "id")
        if position is not None:
            beyond = "(novels_novel.title || '', novels_novel.id) > (%s, %s)"
            rows = rows.extra(where=[beyond], params=position.values)  # noqa: S610
        return rows

    monkeypatch.setattr("morpheus.api.selected_rows.seek_rows", scan)
    # Pages that other tests compiled do not count.
    monkeypatch.setattr(by_title.route.view, "read", replace(NOVELS))

    proof = prove(by_title, pages=PAGES_AT_EACH_END)

    assert any("the last 8 pages read" in fault for fault in proof.faults)


def _novels() -> Route:
    return next(route for route in list_api_routes() if route.path == "/novels/")


def test_an_ordering_without_an_index_fails_and_the_message_names_the_index() -> None:
    view: Any = _novels().view

    class Longest(view):  # type: ignore[misc] # a class known at run time only
        read = replace(NOVELS, orderings={"-chapter_count": ("-chapter_count", "-id")})

    route = Route("/novels/", Longest)
    faults = prove(Combination(route, "-chapter_count", {"genre": None})).faults

    assert any("rows are sorted" in fault for fault in faults)
    assert faults[-1] == (
        'Add to Novel.Meta.indexes: models.Index(fields=["genre", "chapter_count", "id"], '
        'name="novels_novel_genre_chapter_idx", condition=Q(is_public=True))'
    )


def test_a_filter_that_removes_rows_fails() -> None:
    """The index of the ordering alone serves neither the filter nor its condition."""
    view: Any = _novels().view

    class Filtered(view):  # type: ignore[misc] # a class known at run time only
        read = replace(
            NOVELS,
            orderings={"-word_count": ("-word_count", "-id")},
            filters={"chapters": ListFilter(column="chapter_count", description="", parse=int)},
            filter_pairs=(),
        )

    route = Route("/novels/", Filtered)
    faults = prove(Combination(route, "-word_count", {"chapters": None})).faults

    assert faults
    assert 'fields=["chapter_count", "word_count", "id"]' in faults[-1]


def test_the_tables_are_large_enough_to_prove_something() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE reltuples < 300 AND relkind = 'r'")
        small = {name for (name,) in cursor.fetchall()}

    assert small & {*SEEDED} <= {"comics_image"}
