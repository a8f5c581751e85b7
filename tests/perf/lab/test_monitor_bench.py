"""What observing costs is measured on what it is measured for, and everything is put back."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from morpheus.db.postgresql.base import DatabaseWrapper
from morpheus.tracing import on_answer, on_statement
from perf.lab.monitor_bench import costs
from perf.management.commands import bench_monitor

pytestmark = pytest.mark.django_db(transaction=True)


def state():
    return [*on_answer], [*on_statement], DatabaseWrapper.make_cursor


def test_each_part_is_measured_and_put_back(make_novels):
    make_novels(3)
    before = state()

    served_us, parts = costs(rounds=2, requests=2)

    assert served_us > 0
    assert [each.part for each in parts] == [
        "the monitor",
        "of it, who is told",
        "django-prometheus' cursors",
        "django-prometheus' middleware",
    ]
    assert state() == before


def test_what_is_not_answered_is_no_measurement(monkeypatch):
    monkeypatch.setattr("perf.lab.monitor_bench.URL", "/api/v1/nothing/")
    monkeypatch.setenv(bench_monitor.FOLDER, "anywhere")

    with pytest.raises(CommandError, match="404"):
        call_command("bench_monitor", rounds=2, requests=1)
