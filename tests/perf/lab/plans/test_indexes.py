"""Each index of a list earns its place."""

from __future__ import annotations

from comics.models import Comic
from novels.models import Novel
from perf.monitoring.list_indexes import build_required_index, find_serving_index
from perf.monitoring.list_routes import list_combinations

# Indexes that serve something other than a list.
OTHERS = {"comics_comic_cover_fk_idx"}
BUDGET = {Novel: 19, Comic: 9}


def test_every_index_serves_a_combination_that_is_offered() -> None:
    serving = {
        find_serving_index(build_required_index(combination)) for combination in list_combinations()
    }

    for model in BUDGET:
        assert {index.name for index in model._meta.indexes} - OTHERS <= serving


def test_indexes_keep_their_budget() -> None:
    assert {model: len(model._meta.indexes) for model in BUDGET} == BUDGET
