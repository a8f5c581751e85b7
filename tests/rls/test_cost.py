"""What row level security costs in buffers, on seeded data."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.urls import get_resolver

from perf.rls.measure import costs
from perf.rls.routes import Subjects, reads, subjects

# Of equal statements, the buffers as the serving role over those past row level security.
MOST = 1.15

# A row of these belongs to a novel or comic whose policy is asked for each row by primary key: so
# many buffers more per row (docs/security.md).
PER_ROW = 4
ROWS = {
    "chapters": 100,
    "chapter": 2,
    "novel-status": 1,
    "comic-panels": 100,
    "comic-panel-image": 1,
    # Each novel's state is counted.
    "dashboard": 600,
}
# These find a page's keys first and join afterwards. Past row level security an index alone gives
# the keys; under it, each row is looked at for its owner: up to two buffers more per row.
PER_KEY = 2
FOUND_FIRST = {"novels", "comic-list"}
# Routes that read nothing private, or change something only.
OTHERS = {"auth-token", "auth-login", "auth-logout", "users", "users-me", "schema", "docs"}


@pytest.fixture
def seeded(transactional_db):
    call_command(
        "seed", novels=600, chapters_per_novel=12, words_per_chapter=60, comics=200, panels=2000,
        users=30, quiet=True,
    )  # fmt: skip


def test_no_read_costs_more_than_it_may_and_all_keep_their_indexes(seeded):
    dear, without = [], []
    for cost in costs(reads(subjects()), rounds=1):
        allowed = cost.buffers_bare * MOST + PER_ROW * ROWS.get(cost.read.route, 0)
        if cost.read.route in FOUND_FIRST:
            allowed += PER_KEY * (101 if "page_size=100" in cost.read.url else 21)
        if cost.buffers > allowed:
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
