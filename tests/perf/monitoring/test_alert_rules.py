"""Prometheus rules, Grafana dashboard and documentation name existing metrics and budgets."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from prometheus_client import REGISTRY

from perf.management.commands import perf_rules
from perf.management.commands.perf_rules import PATH, build_rules
from perf.monitoring.budgets import budgets

OPS = PATH.parents[1]
RULES = OPS / "prometheus" / "morpheus.rules.yml"
TESTS = OPS / "prometheus" / "morpheus.rules.test.yml"
DASHBOARD = OPS / "grafana" / "morpheus.json"
DOCUMENT = OPS.parent / "docs" / "monitoring.md"
RUNBOOK = OPS.parent / "docs" / "runbook.md"

METRIC = re.compile(r"\bmorpheus_\w+")
RECORDED = re.compile(r"\bmorpheus:\w+(?::\w+)*")
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def expressions(dashboard: dict[str, Any]) -> str:
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return "\n".join(target["expr"] for target in targets)


def read_families(client: Any) -> dict[str, str]:
    """Return the metrics on a page of /metrics with their types."""
    # A web server imports the first two, the process of event streams the third.
    importlib.import_module("morpheus.serving.request_bulkheads")
    importlib.import_module("morpheus.serving.transfers")
    importlib.import_module("morpheus.events.feeds")
    client.get("/api/v1/novels/")
    page = client.get("/metrics").content.decode()
    types = dict(re.findall(r"^# TYPE (morpheus_\w+) (\w+)$", page, re.MULTILINE))
    # The start times of counters; several processes together do not have them.
    return {name: kind for name, kind in types.items() if not name.endswith("_created")}


def texts() -> Iterator[tuple[str, str]]:
    yield "rules", RULES.read_text()
    yield "tests of rules", TESTS.read_text()
    yield "dashboard", expressions(json.loads(DASHBOARD.read_text()))


@pytest.mark.django_db(transaction=True)
def test_every_used_metric_exists(client: Any) -> None:
    families = read_families(client).items()
    existing = {name + suffix for name, kind in families for suffix in SUFFIXES[kind]}

    for where, text in texts():
        used = set(METRIC.findall(text))
        assert used and used <= existing, (where, used - existing)


def test_every_used_series_is_recorded() -> None:
    recorded = set(re.findall(r"- record: (\S+)", RULES.read_text() + PATH.read_text()))

    for where, text in texts():
        used = set(RECORDED.findall(text))
        assert used and used <= recorded, (where, used - recorded)


def test_every_alert_is_tested_and_described() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))

    assert alerts == set(re.findall(r"alertname: (\w+)", TESTS.read_text()))
    assert all(f"`{alert}`" in DOCUMENT.read_text() for alert in alerts)


def test_every_alert_names_its_section_of_the_runbook() -> None:
    rules = re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", RULES.read_text(), re.DOTALL)
    sections = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]

    alerts = [alert for alert, _ in rules]
    assert alerts == [section.split("\n")[0] for section in sections]
    for alert, rule in rules:
        assert f"runbook: docs/runbook.md#{alert.lower()}\n" in rule
    for section in sections:
        for part in ("**Meaning.** ", "**First look.** ", "| cause | remedy |"):
            assert section.count(part) == 1, section


def test_the_rules_have_the_budgets_of_the_budgets_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PATH.read_text()
    assert text == build_rules(budgets()), "Call `manage.py perf_rules`."

    monkeypatch.setattr(perf_rules, "PATH", tmp_path / "budgets.rules.yml")
    call_command("perf_rules")
    assert perf_rules.PATH.read_text() == text


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        columns = range(grid["x"], grid["x"] + grid["w"])
        cells = {(x, y) for x in columns for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.django_db(transaction=True)
def test_every_metric_is_described_with_its_labels(client: Any) -> None:
    rows = re.findall(r"^\| `(morpheus_\w+)` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE)
    described = {name: re.findall(r"`(\w+)`", labels) for name, labels in rows}

    assert described.keys() == read_families(client).keys()
    for collector in {*REGISTRY._collector_to_names}:
        names = [n for n in REGISTRY._collector_to_names[collector] if n in described]
        for name in names:
            labels = collector._labelnames  # type: ignore[attr-defined]
            assert described[name] == [*labels], name


def test_the_example_configuration_reads_these_files() -> None:
    text = (OPS / "prometheus" / "prometheus.yml").read_text()

    for name in re.findall(r"- (\S+\.rules\.yml)", text):
        assert Path(OPS / "prometheus" / name).is_file()
