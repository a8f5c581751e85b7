"""`manage.py bench_offload` in small: real servers, real requests, figures that agree."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from copy import deepcopy
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command

from perf.lab.offload.measure import Cost, is_read, measure
from perf.management.commands import bench_offload
from perf.seeding import seeder

ROWS = {
    "novels": 300,
    "chapters_per_novel": 3,
    "words_per_chapter": 30,
    "comics": 60,
    "panels": 240,
    "users": 30,
}


@pytest.fixture
def seeded_rows(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of every kind, and pictures where servers with their own settings look for them."""
    settings.STORAGES = deepcopy(configured.STORAGES)
    for name in ("uploads", "images"):
        settings.STORAGES[name]["OPTIONS"]["location"] = configured.MORPHEUS_VAR / name
    monkeypatch.setattr(seeder, "KINDS", 2)
    call_command("seed", reset=True, quiet=True, **ROWS)


def test_every_request_succeeds_and_reads_are_counted_in_both_modes(
    seeded_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[Cost] = []

    def keep_cost(*arguments: Any, **options: Any) -> Cost:
        costs.append(measure(*arguments, **options))
        return costs[-1]

    monkeypatch.setattr(bench_offload, "measure", keep_cost)
    output = StringIO()

    with suppress(SystemExit):  # So few requests are mostly first reads.
        call_command("bench_offload", "--requests", "200", "--warm-up", "40", stdout=output)

    off, on = costs
    assert off.failures == on.failures == []
    for cost in costs:
        assert cost.ms > 0 < cost.buffers
        assert cost.statements > 0
    assert on.statements < off.statements
    assert "SELECTs, buffers" in output.getvalue()


def test_the_figures_of_capacity_are_measured_in_both_modes(seeded_rows: None) -> None:
    output = StringIO()

    call_command("perf_capacity", "--requests", "60", "--warm-up", "20", stdout=output)

    lines = {line[:34].strip(): line[34:].split() for line in output.getvalue().splitlines()}
    for service in ("web", "PostgreSQL"):
        assert all(float(ms) > 0 for ms in lines[f"CPU ms of a request, {service}"])
    assert int(lines["cached values"][1]) > 10
    assert "comics_panel" in output.getvalue()


@pytest.mark.parametrize(
    ("on", "failures", "verdict"),
    [
        (Cost(ms=20.0), [], "ok"),
        (Cost(ms=40.0), [], "FAIL"),
        (Cost(ms=20.0), ["GET /novels/: 500"], "FAIL"),
    ],
)
def test_the_verdict_compares_with_the_budget(
    on: Cost, failures: list[str], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on.failures = failures
    monkeypatch.setattr(bench_offload, "seed_if_empty", lambda: None)
    monkeypatch.setattr(
        bench_offload,
        "measure",
        lambda url, *, has_cache, **options: on if has_cache else Cost(ms=100.0),
    )
    output = StringIO()

    ending = nullcontext() if verdict == "ok" else pytest.raises(SystemExit)
    with ending:
        call_command("bench_offload", stdout=output)

    assert output.getvalue().splitlines()[-1].startswith(f"{verdict}  ")


@pytest.mark.parametrize(
    ("is_read_work", "text"),
    [
        (True, 'SELECT "id" FROM "novels_novel" WHERE "updated_at" > $1'),
        (True, "WITH page AS MATERIALIZED (SELECT $1) SELECT * FROM page"),
        (False, 'SELECT "id" FROM "novels_novel" WHERE "id" = $1 FOR NO KEY UPDATE'),
        (False, "WITH gone AS (DELETE FROM t RETURNING id) SELECT id FROM gone"),
        (False, 'INSERT INTO "comics_panel" ("number") VALUES ($1)'),
        (False, "SELECT set_config($1, $2, $3), set_config($4, $5, $6)"),
        (False, "COMMIT"),
    ],
)
def test_read_work_is_told_from_other_statements(is_read_work: bool, text: str) -> None:
    assert is_read(text) is is_read_work
