"""The cost of row level security in buffers, on seeded data."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from morpheus.db.roles import connected_as
from morpheus.db.transactions import write_transaction
from perf.lab.example_requests import ExampleRequest
from perf.lab.plans.capture import Statement, capture_statements
from perf.lab.plans.recorded_requests import RECORDED, read_body, send
from perf.monitoring.explain import Plan, explain
from perf.monitoring.list_routes import list_api_routes
from users.models import User

# Buffers of equal statements, as the serving role over those past row level security: every policy
# compares columns of the row itself.
MAX_RATIO = 1.15

# They read no table with private rows of several users.
OTHERS = {
    *("GET /users/me/", "GET /schema/", "GET /docs/"),
    *("GET /perf/requests/", "GET /perf/requests/{identifier}/"),
}
# Beside the examples: further orderings and filters of the longest list.
FURTHER = (
    ExampleRequest("GET /novels/", {"ordering": "title", "page_size": "100"}),
    ExampleRequest("GET /novels/", {"owner": "{owner_id}"}),
)
WITH_LARGE_PAGES = ("GET /novels/{novel_id}/chapters/", "GET /comics/{comic_id}/panels/")
# The largest of each kind, so that a cost per row shows.
LARGEST = """
SELECT
    (SELECT owner_id FROM novels_novel GROUP BY owner_id ORDER BY count(*) DESC, 1 LIMIT 1),
    (SELECT id FROM novels_novel WHERE is_public ORDER BY chapter_count DESC, id LIMIT 1),
    (SELECT id FROM comics_comic WHERE is_public ORDER BY panel_count DESC, id LIMIT 1),
    1,
    (SELECT slug FROM novels_genre ORDER BY id LIMIT 1),
    (SELECT code FROM novels_language ORDER BY id LIMIT 1)
"""


class PrivateRead(NamedTuple):
    """A read of tables with private rows, by the owner or an anonymous caller."""

    sent: ExampleRequest
    is_owner: bool


def list_private_reads() -> list[PrivateRead]:
    """Return every read of private tables; both callers send those that need no login."""
    reads: dict[str, ExampleRequest] = {}
    for sent in (*RECORDED, *FURTHER):
        if sent.route in WITH_LARGE_PAGES:
            sent = replace(sent, query={"page_size": "100"})
        if sent.is_read and sent.caller in ("anonymous", "owner"):
            reads.setdefault(sent.name, sent)
    return [
        PrivateRead(sent, is_owner)
        for is_owner in (False, True)
        for sent in reads.values()
        if is_owner or sent.caller == "anonymous"
    ]


@pytest.fixture
def largest_rows(transactional_db: None) -> dict[str, int]:
    # Of a few hundred novels, a scan of all finds 100 as well: by chance, under one role alone.
    call_command(
        "seed", novels=4000, chapters_per_novel=4, words_per_chapter=20, comics=1000, panels=8000,
        users=300, quiet=True,
    )  # fmt: skip
    with write_transaction(as_staff=True), connection.cursor() as cursor:
        cursor.execute(LARGEST)
        names = ("owner_id", "novel_id", "comic_id", "number", "genre", "language")
        return dict(zip(names, cursor.fetchone(), strict=True))


def test_no_read_costs_more_than_tolerated_and_all_keep_their_indexes(
    largest_rows: dict[str, int],
) -> None:
    owner_id = largest_rows["owner_id"]
    client = APIClient()
    reads: list[tuple[PrivateRead, list[Statement]]] = []
    for read in list_private_reads():
        client.force_authenticate(User(pk=owner_id) if read.is_owner else None)
        with capture_statements() as statements:
            read_body(send(read.sent.build(largest_rows), client))
        reads.append((read, [statement for statement in statements if statement.is_read]))

    def explain_reads() -> list[list[Plan]]:
        plans = []
        for read, statements in reads:
            with write_transaction(as_user=owner_id if read.is_owner else None):
                plans.append([explain_statement(each) for each in statements])
        return plans

    as_app = explain_reads()
    with connected_as("loader"):
        as_loader = explain_reads()

    too_expensive, without_index = [], []
    for (read, _), ours, unrestricted in zip(reads, as_app, as_loader, strict=True):
        buffers, without = (sum(plan.buffers for plan in each) for each in (ours, unrestricted))
        if buffers > without * MAX_RATIO:
            too_expensive.append(f"{read}: {buffers}, not {without}")
        # A sequential scan of a handful of images is as good.
        missing = find_indexes(unrestricted) - find_indexes(ours) - {"comics_image_pkey"}
        if missing:
            without_index.append(f"{read}: without {sorted(missing)}")

    assert not too_expensive, "\n".join(too_expensive)
    assert not without_index, "\n".join(without_index)


def explain_statement(statement: Statement) -> Plan:
    """Return the plan of the second execution; the first one sends the identity before it."""
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
    return explain(connection.connection, statement.sql, statement.params, analyze=True)


def find_indexes(plans: list[Plan]) -> set[str]:
    return {node.index for plan in plans for node in plan.nodes} - {""}


def test_every_read_of_the_api_is_measured_or_has_nothing_private() -> None:
    offered = {f"GET {route.path}" for route in list_api_routes() if hasattr(route.view, "get")}

    measured = {read.sent.route for read in list_private_reads()}
    assert offered - OTHERS == measured
