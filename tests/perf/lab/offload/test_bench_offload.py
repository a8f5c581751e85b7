"""`manage.py bench_offload` in small: real servers, real requests, figures that agree."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command

from perf.lab.harness.servers import ServerFailed
from perf.lab.offload.database_time import Statement
from perf.lab.offload.measure import Result, measure_mode
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


def test_every_request_succeeds_and_is_counted_in_both_modes(
    seeded_rows: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "offload.json"

    small = ["--requests", "200", "--warm-up", "40"]
    call_command("bench_offload", *small, "--output", str(output))

    results = json.loads(output.read_text())
    assert list(results) == ["off", "ours"]
    for result in results.values():
        assert result["errors"] == {}, capsys.readouterr().out
        assert result["figures"]["requests"] == 200 == sum(result["statuses"].values())
        assert sum(result["requests"].values()) == 200
        assert result["figures"]["  read s"] > 0 < result["figures"]["  write s"]
    assert results["off"]["figures"]["offload %"] == 0
    printed = capsys.readouterr().out
    assert "Redis hits" in printed
    assert "search" in printed.partition("waits for the database")[2]
    assert results["off"]["database_ms"]["search"] > 0


def test_the_figures_of_a_mode_are_stored_before_the_next_mode_fails(
    seeded_rows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "offload.json"

    def measure_until_ours(mode: str, work: Any, **options: int) -> Result:
        if mode == "ours":
            raise ServerFailed("It was stopped.")
        return measure_mode(mode, work, **options)

    monkeypatch.setattr(bench_offload, "measure_mode", measure_until_ours)
    with pytest.raises(CommandError, match="stopped"):
        call_command("bench_offload", "--requests", "40", "--output", str(output))

    assert json.loads(output.read_text())["off"]["figures"]["requests"] == 40


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("read", 'SELECT "id" FROM "novels_novel" WHERE "updated_at" > $1'),
        ("read", "WITH page AS MATERIALIZED (SELECT $1) SELECT * FROM page"),
        ("write", 'SELECT "id" FROM "novels_novel" WHERE "id" = $1 FOR NO KEY UPDATE'),
        ("write", "WITH gone AS (DELETE FROM t RETURNING id) SELECT id FROM gone"),
        ("write", 'INSERT INTO "comics_panel" ("number") VALUES ($1)'),
        ("identity", "SELECT set_config($1, $2, $3), set_config($4, $5, $6)"),
        ("transaction", "COMMIT"),
    ],
)
def test_statements_are_classified(kind: str, text: str) -> None:
    assert Statement(text, calls=1, ms=1.0, buffers=1).kind == kind
