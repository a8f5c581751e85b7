"""The plans are those that Git has: a change of a plan shows in a diff."""

from __future__ import annotations

from dataclasses import replace

from perf.lab.plans import contracts as module
from perf.lab.plans.contracts import contracts, differences, keep, kept
from perf.lab.plans.explain import Plan
from perf.lab.plans.requests import ASKS


def test_the_plans_are_those_of_the_contracts(found):
    changed = differences(kept(), contracts(found))

    assert not changed, f"{changed}\nLook at each; then `make contracts` renews perf/contracts/."


def test_each_endpoint_has_a_file(found):
    assert len(contracts(found)) == len({ask.endpoint for ask in ASKS})


def test_no_figure_of_one_run_is_in_a_contract(found):
    """Else it would change with the rows, or with the parameters."""
    (chapters,) = [one for one in found if one.ask.endpoint == "GET /novels/{pk}/chapters/"]

    text = contracts([chapters])["get_novels_pk_chapters.txt"].split("\n\n")[-2]

    assert text == (
        "2. chapters page\n"
        "  Limit\n"
        "    Index Scan novels_chapter_number_uq novels_chapter\n"
        "        Index Cond: (novel_id = $)\n"
        "        Filter: (is_public OR (owner_id = the caller) OR the caller is staff)"
    )


def test_an_index_that_is_no_longer_taken_shows(found):
    (status,) = [one for one in found if one.ask.endpoint == "GET /novels/{pk}/status/"]
    (one,) = status.statements
    nodes = [replace(node, kind="Seq Scan", index="", conditions={}) for node in one.plan.nodes]
    worse = replace(status, statements=[replace(one, plan=Plan(nodes, one.plan.buffers))])

    shown = differences(contracts([status]), contracts([worse]))

    assert "perf/contracts/get_novels_pk_status.txt" in shown
    assert "-  Index Scan novels_processingstatus_pkey novels_processingstatus" in shown
    assert "+  Seq Scan novels_processingstatus" in shown


def test_what_is_no_longer_offered_is_dropped(found, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    keep({"get_gone.txt": "=== GET /gone/\n"})

    keep(contracts(found[:2]))

    assert kept() == contracts(found[:2])
