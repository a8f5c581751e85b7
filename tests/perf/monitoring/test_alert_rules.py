"""What Prometheus and Grafana are given names what there is, and the budgets as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from prometheus_client import REGISTRY

from perf.monitoring.alert_rules import PATH, rules
from perf.monitoring.budgets import budgets

OPS = PATH.parents[1]
RULES = OPS / "prometheus" / "morpheus.rules.yml"
TESTS = OPS / "prometheus" / "morpheus.rules.test.yml"
DASHBOARD = OPS / "grafana" / "morpheus.json"
DOCUMENT = OPS.parent / "docs" / "monitoring.md"

METRIC = re.compile(r"\bmorpheus_\w+")
RECORDED = re.compile(r"\bmorpheus:\w+(?::\w+)*")
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def expressions(dashboard: dict[str, Any]) -> str:
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return "\n".join(target["expr"] for target in targets)


def families(client: Any) -> dict[str, str]:
    """Return what a page of /metrics has, with its types."""
    client.get("/api/v1/novels/")
    page = client.get("/metrics").content.decode()
    found = dict(re.findall(r"^# TYPE (morpheus_\w+) (\w+)$", page, re.MULTILINE))
    # When each counter of this process began; several processes together do not tell.
    return {name: kind for name, kind in found.items() if not name.endswith("_created")}


def named() -> Iterator[tuple[str, str]]:
    yield "rules", RULES.read_text()
    yield "tests of rules", TESTS.read_text()
    yield "dashboard", expressions(json.loads(DASHBOARD.read_text()))


@pytest.mark.django_db(transaction=True)
def test_every_metric_that_is_asked_for_is_on_the_page(client: Any) -> None:
    there = {name + suffix for name, kind in families(client).items() for suffix in SUFFIXES[kind]}

    for where, text in named():
        asked = set(METRIC.findall(text))
        assert asked and asked <= there, (where, asked - there)


def test_every_recorded_series_that_is_asked_for_is_recorded() -> None:
    recorded = set(re.findall(r"- record: (\S+)", RULES.read_text() + PATH.read_text()))

    for where, text in named():
        asked = set(RECORDED.findall(text))
        assert asked and asked <= recorded, (where, asked - recorded)


def test_every_alert_is_tested_and_described() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))

    assert alerts == set(re.findall(r"alertname: (\w+)", TESTS.read_text()))
    assert all(f"`{alert}`" in DOCUMENT.read_text() for alert in alerts)


def test_the_rules_of_the_budgets_are_those_of_the_budgets_file(capsys: Any) -> None:
    assert PATH.read_text() == rules(budgets()), "Call `manage.py perf_rules --write`."

    call_command("perf_rules")
    assert capsys.readouterr().out == PATH.read_text()


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.django_db(transaction=True)
def test_every_metric_is_described_with_its_labels(client: Any) -> None:
    rows = re.findall(r"^\| `(morpheus_\w+)` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE)
    described = {name: re.findall(r"`(\w+)`", labels) for name, labels in rows}

    assert described.keys() == families(client).keys()
    for collector in {*REGISTRY._collector_to_names}:
        names = [n for n in REGISTRY._collector_to_names[collector] if n in described]
        for name in names:
            assert described[name] == [*collector._labelnames], name


def test_the_example_of_a_configuration_reads_these_files() -> None:
    text = (OPS / "prometheus" / "prometheus.yml").read_text()

    for name in re.findall(r"- (\S+\.rules\.yml)", text):
        assert Path(OPS / "prometheus" / name).is_file()
