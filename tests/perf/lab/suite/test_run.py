"""`manage.py perf_budgets` in small: real servers, every route and every statement."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult

from comics.models import Comic, Panel
from novels.models import Novel
from perf.lab.suite import memory, queries, routes
from perf.management.commands import perf_budgets
from perf.monitoring.budgets import budgets
from perf.seeding import seeder
from tests.conftest import as_staff
from tests.perf.lab.suite.result import LINE, result
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
def quick(monkeypatch):
    monkeypatch.setattr(routes, "WARM_UP_ROUNDS", 1)
    monkeypatch.setattr(queries, "WARM_UP", 1)
    monkeypatch.setattr(memory, "PAGES", 1)


@pytest.fixture
def servers_data(transactional_db, settings, monkeypatch):
    """Seeded rows, and pictures where servers with their own settings look for them."""
    settings.STORAGES = deepcopy(configured.STORAGES)
    for name in ("uploads", "images"):
        settings.STORAGES[name]["OPTIONS"]["location"] = configured.MORPHEUS_VAR / name
    monkeypatch.setattr(seeder, "KINDS", 2)
    call_command("seed", reset=True, quiet=True, **ROWS)


def counts():
    with as_staff():
        return [
            model.objects.count() for model in (User, Novel, Comic, Panel, DBTaskResult, Session)
        ]


def test_everything_is_measured_and_nothing_is_left(servers_data, quick, tmp_path, capsys):
    before = counts()

    # Whether so few times keep their budgets is chance.
    try:
        call_command("perf_budgets", rounds=1, output=str(tmp_path), scale="test")
    except SystemExit as ended:
        assert ended.code == 1

    found = json.loads((tmp_path / "test.json").read_text())
    timed = {(line["about"], line["temperature"]) for line in found["lines"]}
    assert timed >= {(route, "cold") for route in budgets().routes}
    # Reads of which nothing is cached are asked for once.
    assert timed >= {
        (route, "warm")
        for route, budget in budgets().routes.items()
        if budget.is_cached or not route.startswith("GET")
    }
    assert ("GET /schema/", "warm") not in timed
    assert timed >= {(query, "database") for query in budgets().queries}
    assert {one["name"] for one in found["depths"]} >= {"/novels/ -created_at"}
    assert all(peak["mb"] > 0 for peak in found["memory"])
    assert "upload of a big novel" in capsys.readouterr().out
    assert (tmp_path / "test.html").read_text().startswith("<!doctype html>")
    assert counts() == before


@pytest.mark.parametrize(("allowed", "code"), [(50.0, 0), (5.0, 1)])
def test_a_broken_budget_ends_it_with_exit_code_1(
    monkeypatch, tmp_path, servers_data, allowed, code
):
    line = replace(LINE, allowed_p95=allowed)
    monkeypatch.setattr(perf_budgets, "measured", lambda **options: result([line]))

    try:
        call_command("perf_budgets", output=str(tmp_path), scale="test")
        ended = 0
    except SystemExit as exit:
        ended = exit.code

    assert ended == code
