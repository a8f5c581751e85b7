"""What row level security costs in buffers, on seeded data."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.urls import get_resolver

from perf.lab.rls.measure import costs
from perf.lab.rls.routes import Subjects, reads, subjects

# Of equal statements, the buffers as the serving role over those past row level security: every
# policy compares columns of the row itself.
MOST = 1.15

# Routes that read nothing private, or change something only.
OTHERS = {
    *("auth-token", "auth-login", "auth-logout", "users", "user-me", "schema", "docs"),
    *("perf-requests", "perf-request"),
}


@pytest.fixture
def seeded(transactional_db):
    # Of a few hundred novels, 100 are as well found by reading all: by chance, on one side alone.
    call_command(
        "seed", novels=4000, chapters_per_novel=4, words_per_chapter=20, comics=1000, panels=8000,
        users=300, quiet=True,
    )  # fmt: skip


def test_no_read_costs_more_than_it_may_and_all_keep_their_indexes(seeded):
    dear, without = [], []
    for cost in costs(reads(subjects()), rounds=1):
        if cost.buffers > cost.buffers_bare * MOST:
            dear.append(f"{cost.read}: {cost.buffers} buffers for {cost.buffers_bare}")
        # A handful of images is as well read whole.
        missing = cost.indexes_bare - cost.indexes - {"comics_image_pkey"}
        if missing:
            without.append(f"{cost.read}: without {sorted(missing)}")

    assert not dear, "\n".join(dear)
    assert not without, "\n".join(without)


def test_every_route_of_the_api_is_measured_or_has_nothing_private():
    api = next(found for found in get_resolver().url_patterns if str(found.pattern) == "api/v1/")
    names = {name for name in api.reverse_dict if isinstance(name, str)}

    measured = {read.route for read in reads(Subjects(owner=1, novel=1, comic=1, word="a"))}
    assert names - OTHERS == measured
