"""Statements and plans are those of the golden files: a change of either shows in a diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from perf.lab.plans import plan_snapshots
from perf.lab.plans.plan_snapshots import (
    build_snapshots,
    diff_snapshots,
    read_snapshots,
    write_snapshots,
)
from perf.lab.plans.recorded_requests import RECORDED
from perf.lab.plans.statements import ExplainedRequest
from tests.perf.lab.plans.helpers import change_plans


def test_the_plans_are_those_of_the_snapshots(explained_requests: list[ExplainedRequest]) -> None:
    changes = diff_snapshots(read_snapshots(), build_snapshots(explained_requests))

    assert not changes, f"{changes}\nCheck each change; `make snapshots` renews the files."


def test_each_route_has_a_file(explained_requests: list[ExplainedRequest]) -> None:
    assert len(build_snapshots(explained_requests)) == len({sent.route for sent in RECORDED})


def test_a_snapshot_has_no_figure_of_one_run(explained_requests: list[ExplainedRequest]) -> None:
    """Else it would change with the rows, or with the parameters."""
    (chapters,) = [
        each
        for each in explained_requests
        if each.sent.heading == "GET /novels/{novel_id}/chapters/ in parts"
    ]

    text = build_snapshots([chapters])["get_novels_novel_id_chapters.txt"].split("\n\n")[-2]

    assert text.startswith("2. chapters page\nSELECT ")
    assert text.endswith(
        "  Limit\n"
        "    Index Scan novels_chapter_number_uq novels_chapter\n"
        "        Index Cond: (novel_id = $)\n"
        "        Filter: (is_public OR (owner_id = the caller) OR the caller is staff)"
    )


def test_an_index_that_is_no_longer_used_shows(status_request: ExplainedRequest) -> None:
    lost_index = {"Node Type": "Seq Scan", "Index Name": None, "Index Cond": None, "Filter": None}
    worse = change_plans(status_request, **lost_index)

    changes = diff_snapshots(build_snapshots([status_request]), build_snapshots([worse]))

    assert "snapshots/get_novels_novel_id_status.txt" in changes
    assert "-  Index Scan novels_processingstatus_pkey novels_processingstatus" in changes
    assert "+  Seq Scan novels_processingstatus" in changes


def test_the_snapshot_of_a_removed_route_is_deleted(
    explained_requests: list[ExplainedRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_snapshots, "FOLDER", tmp_path)
    write_snapshots({"get_gone.txt": "=== GET /gone/\n"})

    write_snapshots(build_snapshots(explained_requests[:2]))

    assert read_snapshots() == build_snapshots(explained_requests[:2])
