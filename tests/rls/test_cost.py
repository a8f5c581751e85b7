"""The cost of row level security in buffers, on seeded data."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from perf.lab.example_rows import ExampleRows, largest_rows
from perf.lab.rls_cost import measure_reads, private_reads
from perf.monitoring.list_routes import list_api_routes

# Buffers of equal statements, as the serving role over those past row level security: every policy
# compares columns of the row itself.
MAX_RATIO = 1.15

# They read no table with private rows of several users.
OTHERS = {
    *("GET /users/me/", "GET /schema/", "GET /docs/"),
    *("GET /users/me/tokens/", "GET /users/me/exports/{export_id}/"),
    "GET /users/me/exports/{export_id}/file/",
    *("GET /problems/", "GET /problems/{code}/"),
    *("GET /perf/requests/", "GET /perf/requests/{identifier}/", "GET /perf/schema/"),
}


@pytest.fixture
def seed_rows(transactional_db: None) -> None:
    # Of a few hundred novels, a scan of all finds 100 as well: by chance, under one role alone.
    call_command(
        "seed", novels=4000, chapters_per_novel=4, words_per_chapter=20, comics=1000, panels=8000,
        users=300, quiet=True,
    )  # fmt: skip


@pytest.mark.usefixtures("seed_rows")
def test_no_read_costs_more_than_tolerated_and_all_keep_their_indexes() -> None:
    too_expensive, without_index = [], []
    for cost in measure_reads(private_reads(largest_rows()), rounds=1):
        if cost.app.buffers > cost.loader.buffers * MAX_RATIO:
            too_expensive.append(f"{cost.read}: {cost.app.buffers}, not {cost.loader.buffers}")
        # A sequential scan of a handful of images is as good.
        missing = cost.loader.indexes - cost.app.indexes - {"comics_image_pkey"}
        if missing:
            without_index.append(f"{cost.read}: without {sorted(missing)}")

    assert not too_expensive, "\n".join(too_expensive)
    assert not without_index, "\n".join(without_index)


def test_every_read_of_the_api_is_measured_or_has_nothing_private() -> None:
    offered = {f"GET {route.path}" for route in list_api_routes() if hasattr(route.view, "get")}
    names = ("user_id", "novel_id", "comic_id", "panel_id", "number", "genre", "language")
    values = dict.fromkeys(names, 1)

    measured = {read.sent.route for read in private_reads(ExampleRows(1, values))}
    assert offered - OTHERS == measured
