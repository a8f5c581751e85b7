"""`manage.py perf_budgets` in small: real servers, every route and every statement."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings

from comics.models import Comic, Panel
from novels.models import Novel
from perf.lab.suite import queries, requests
from perf.management.commands import perf_budgets
from perf.monitoring.budgets import budgets
from perf.seeding import seeder
from tests.conftest import as_staff
from tests.perf.lab.suite.result import LINE, make_result
from users.models import User

ROWS = {
    "novels": 300,
    "chapters_per_novel": 3,
    "words_per_chapter": 30,
    "comics": 60,
    "panels": 240,
    "users": 30,
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "WARM_UP_ROUNDS", 1)
    monkeypatch.setattr(queries, "WARM_UP", 1)


@pytest.fixture
def seed_rows(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed rows, with pictures in the folder that servers with their own settings use."""
    settings.STORAGES = deepcopy(configured.STORAGES)
    for name in ("uploads", "images", "exports"):
        settings.STORAGES[name]["OPTIONS"]["location"] = configured.MORPHEUS_VAR / name
    monkeypatch.setattr(seeder, "KINDS", 2)
    call_command("seed", reset=True, quiet=True, **ROWS)


def count_rows() -> list[int]:
    models = (User, Novel, Comic, Panel, DBTaskResult, Session)
    with as_staff():
        return [model._default_manager.count() for model in models]


@pytest.mark.usefixtures("seed_rows", "quick")
def test_everything_is_measured_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = count_rows()

    # With so few rounds, chance decides whether budgets are kept.
    try:
        call_command("perf_budgets", rounds=1, output=str(tmp_path), scale="test")
    except SystemExit as ended:
        assert ended.code == 1

    result = json.loads((tmp_path / "test.json").read_text())
    timed = {(line["budget"], line["temperature"]) for line in result["lines"]}
    assert timed >= {(route, "cold") for route in budgets().routes}
    # Reads without a cache policy are sent to one server only.
    assert timed >= {
        (route, "warm")
        for route, budget in budgets().routes.items()
        if budget.is_cached or not route.startswith("GET")
    }
    assert ("GET /schema/", "warm") not in timed
    assert timed >= {(query, "database") for query in budgets().queries}
    printed = capsys.readouterr().out
    assert "GET /novels/{novel_id}/chapters/" in printed
    assert "Only times are compared: there are fewer than 3000 novels." in printed
    assert count_rows() == before


@pytest.mark.parametrize(("allowed", "code", "verdict"), [(50.0, 0, "ok"), (5.0, 1, "FAIL")])
@pytest.mark.usefixtures("seed_rows")
def test_a_broken_budget_ends_the_command_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    allowed: float,
    code: int,
    verdict: str,
) -> None:
    line = replace(LINE, allowed_ms={"p95": allowed})
    monkeypatch.setattr(perf_budgets, "run_suite", lambda **options: make_result([line]))

    try:
        call_command("perf_budgets", output=str(tmp_path), scale="test")
        ended: object = 0
    except SystemExit as exit:
        ended = exit.code

    assert ended == code
    assert verdict in "".join(capsys.readouterr())
