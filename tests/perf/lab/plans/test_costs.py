"""Every route and every statement keeps its budget, in everything that can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cachalot.settings import cachalot_settings
from pytest_django import DjangoDbBlocker, Settings
from rest_framework.test import APIClient

from novels.search.matches import MAX_CANDIDATES, SPARE_CANDIDATES
from novels.search.query import Search
from perf.lab.example_catalogue import EXAMPLES, example
from perf.lab.example_requests import Conversation, ExampleRequest
from perf.lab.plans.capture import capture_statements
from perf.lab.plans.costs import breach, route_breaches
from perf.lab.plans.explain import explain_as
from perf.lab.plans.recorded_requests import operator_requests, record_search_refresh
from perf.lab.plans.statements import (
    ExplainedRequest,
    ExplainedStatement,
    explain_operator_requests,
)
from perf.monitoring.budgets import budgets, query_name
from tests.perf.lab.plans.helpers import change_plans, query_breaches, record_warm_reads

UPLOADS = [sent for sent in EXAMPLES if sent.upload is not None]
WITHOUT_TABLES = [sent for sent in EXAMPLES if not sent.reads_tables and sent.caller == "anonymous"]
LOST_INDEX = {"Node Type": "Seq Scan", "Index Name": None, "Shared Read Blocks": 0}


def test_every_route_has_a_budget_and_every_budget_a_route() -> None:
    assert {*budgets().routes} == {sent.route for sent in (*EXAMPLES, *operator_requests())}


def test_every_reading_statement_has_a_budget_and_every_budget_a_statement(
    explained_requests: list[ExplainedRequest],
) -> None:
    names = {
        query_name(statement.sql)
        for request in explained_requests
        for statement in request.statements
        if statement.is_read
    }

    # Only the refresh of a cached search sends it, see below.
    assert names == {*budgets().queries} - {"search changes"}


def test_every_route_keeps_its_budget(explained_requests: list[ExplainedRequest]) -> None:
    breaches = [text for request in explained_requests for text in route_breaches(request)]

    assert not breaches, "\n".join(breaches)


@pytest.mark.usefixtures("small_data", "db")
def test_probes_and_admin_pages_keep_their_budgets() -> None:
    requests = explain_operator_requests()

    breaches = [text for request in requests for text in route_breaches(request)]
    assert not breaches, "\n".join(breaches)


def test_every_reading_statement_keeps_its_budget(
    explained_requests: list[ExplainedRequest],
) -> None:
    breaches = [
        text
        for request in explained_requests
        for statement in request.statements
        if statement.is_read
        for text in query_breaches(request.sent.heading, statement)
    ]

    assert not breaches, "\n".join(breaches)


@pytest.fixture
def cachalot(settings: Settings) -> Iterator[None]:
    """Reference tables are cached, as in a server."""
    settings.CACHALOT_ENABLED = True
    cachalot_settings.reload()
    yield
    settings.CACHALOT_ENABLED = False
    cachalot_settings.reload()


@pytest.mark.usefixtures("small_data", "cachalot")
def test_a_warm_read_costs_no_statement(django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        breaches = []
        for request in record_warm_reads():
            count = len(request.statements)
            limit = budgets().routes[request.sent.route].queries_warm
            if count > limit:
                text = breach(request.sent.heading, "queries_warm", count, limit)
                breaches.append(f"{text} {request.statements}")

    assert not breaches, "\n".join(breaches)


@pytest.mark.usefixtures("small_data", "db")
def test_the_refresh_of_a_search_keeps_its_budget() -> None:
    statements = record_search_refresh()

    plans = [explain_as(None, statement) for statement in statements]

    # All matches are in novels that changed, and both ways lead to as many as are ranked.
    known = len(Search("the").match().candidates)
    assert [plan.returned_rows for plan in plans] == [1 + known] * 2
    assert known == MAX_CANDIDATES + SPARE_CANDIDATES
    for statement, plan in zip(statements, plans, strict=True):
        explained = ExplainedStatement(statement.sql, plan, is_read=True)
        assert [*query_breaches("GET /search/", explained)] == []


@pytest.mark.parametrize("sent", UPLOADS, ids=lambda sent: sent.route)
@pytest.mark.usefixtures("db")
def test_an_upload_keeps_its_budget(
    make_user: Callable[[], Any], as_user: Callable[[Any], APIClient], sent: ExampleRequest
) -> None:
    client = as_user(make_user())
    talk = Conversation({"number": 1})
    needed = [] if sent.route == "POST /novels/" else [example("POST /comics/")]
    if "{panel_id}" in sent.route:
        needed.append(example("POST /comics/{comic_id}/panels/"))
    for earlier in needed:
        talk.keep_id(earlier, _send(client, talk, earlier).content)

    with capture_statements() as statements:
        response = _send(client, talk, sent)

    budget = budgets().routes[sent.route]
    assert response.status_code == (201 if sent.method == "POST" else 200), response.content
    assert len(statements) <= budget.queries_cold, statements
    assert len(response.content) <= budget.bytes


def _send(client: Any, talk: Conversation, sent: ExampleRequest) -> Any:
    request = talk.build(sent)
    content_type = request.headers.pop("Content-Type")
    return client.generic(request.method, request.path, request.body, content_type)


@pytest.mark.parametrize("sent", WITHOUT_TABLES, ids=lambda sent: sent.route)
def test_a_response_from_no_table_keeps_its_budget(api: APIClient, sent: ExampleRequest) -> None:
    response = api.get(sent.build({"code": "not_found"}).path)

    assert len(response.content) <= budgets().routes[sent.route].bytes


def test_a_breach_names_route_figure_budget_and_what_to_do(
    status_request: ExplainedRequest,
) -> None:
    repeated = replace(status_request, statements=status_request.statements * 2)
    large = replace(status_request, size_bytes=9000)

    assert [*route_breaches(repeated)] == [
        "GET /novels/{novel_id}/status/: queries_cold is 2, the budget 1. Is a statement repeated "
        "for each row? Read many at once, in querysets.py. If the cost is justified, raise it in "
        "perf/budgets.toml and say why in `reason`."
    ]
    assert "bytes is 9000, the budget 600." in next(route_breaches(large))


def test_a_lost_index_breaks_buffers_rows_and_nodes(status_request: ExplainedRequest) -> None:
    lost = change_plans(
        status_request, **LOST_INDEX, **{"Rows Removed by Filter": 2999, "Shared Hit Blocks": 50}
    )

    figures = [text.split(": ", 1)[1].split(" is ")[0] for text in route_breaches(lost)]
    assert figures == ["buffers", "examined_per_row", "forbidden_nodes"] + ["forbidden_nodes"] * (
        len(lost.statements[0].plan.nodes) - 1
    )
    assert "query 'novels status': buffers is 50, the budget 6." in next(
        query_breaches(lost.sent.heading, lost.statements[0])
    )


def test_a_sequential_scan_of_a_small_table_is_allowed(status_request: ExplainedRequest) -> None:
    small = change_plans(status_request, **LOST_INDEX, **{"Rows Removed by Filter": 90})

    assert not [text for text in route_breaches(small) if "forbidden_nodes" in text]


def test_a_new_statement_without_a_budget_is_named(status_request: ExplainedRequest) -> None:
    (statement,) = status_request.statements

    (text,) = query_breaches("GET /new/", replace(statement, sql="SELECT 1"))

    assert text == "GET /new/: no [queries] of perf/budgets.toml matches: SELECT 1"
