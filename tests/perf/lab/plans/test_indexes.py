"""Each index of a list earns its place; what they cost can be measured."""

from __future__ import annotations

from django.db import connection

from comics.models import Comic
from novels.models import Novel
from perf.lab.plans import writes
from perf.monitoring.list_indexes import serving_index, wanted_index
from perf.monitoring.list_routes import combinations

# Indexes that serve something else than a list.
OTHERS = {"comics_comic_cover_fk_idx"}
BUDGET = {Novel: 19, Comic: 9}


def test_every_index_serves_a_combination_that_is_offered():
    serving = {serving_index(wanted_index(combination)) for combination in combinations()}

    for model in BUDGET:
        assert {index.name for index in model._meta.indexes} - OTHERS <= serving


def test_indexes_keep_their_budget():
    assert {model: len(model._meta.indexes) for model in BUDGET} == BUDGET


def test_costs_are_measured_on_a_copy_that_goes(seeded, django_db_blocker, monkeypatch):
    monkeypatch.setattr(writes, "ROWS", 50)
    monkeypatch.setattr(writes, "REPEATS", 1)

    with django_db_blocker.unblock():
        first, *groups, last = writes.costs("comics_comic")
        tables = connection.introspection.table_names()

    assert (first.indexes, last.indexes) == (9, 0)
    assert all(last.index_bytes < one.index_bytes < first.index_bytes for one in groups)
    assert last.wal_bytes < first.wal_bytes
    assert "perf_written" not in tables
