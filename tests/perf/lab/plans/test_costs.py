"""Every route and every statement keeps its budget, in all that can be counted."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from cachalot.settings import cachalot_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image as Picture

from novels.finding import MAX_CANDIDATES, SPARE_CANDIDATES, Search
from perf.lab.plans.capture import captured
from perf.lab.plans.costs import breach, query_breaches, route_breaches
from perf.lab.plans.explain import explain
from perf.lab.plans.operators import operator_endpoints, operator_paths
from perf.lab.plans.requests import ASKS, NOT_ASKED, WITHOUT_ROWS, WITHOUT_ROWS_FOR_STAFF
from perf.lab.plans.revision import revisions
from perf.lab.plans.statements import Explained
from perf.lab.plans.warm import warm_statements
from perf.monitoring.budgets import budgets, query_name


def endpoint(all_endpoints, name):
    return next(one for one in all_endpoints if one.ask.endpoint == name)


def test_every_route_has_a_budget_and_every_budget_a_route():
    asked = {ask.endpoint for ask in ASKS} | {f"GET {path}" for path in operator_paths()}

    unasked = NOT_ASKED | WITHOUT_ROWS | WITHOUT_ROWS_FOR_STAFF
    assert {*budgets().routes} == asked | unasked


def test_every_reading_statement_has_a_budget_and_every_budget_a_statement(all_endpoints):
    named = {
        query_name(one.sql) for each in all_endpoints for one in each.statements if one.is_read
    }

    # Asked only where a kept search is brought up to date, see below.
    assert named == {*budgets().queries} - {"search changes"}


def test_every_route_keeps_its_budget(all_endpoints):
    broken = [said for each in all_endpoints for said in route_breaches(each)]

    assert not broken, "\n".join(broken)


def test_what_operators_look_at_keeps_its_budget(seeded, db):
    broken = [said for each in operator_endpoints() for said in route_breaches(each)]

    assert not broken, "\n".join(broken)


def test_every_reading_statement_keeps_its_budget(all_endpoints):
    broken = [
        said
        for each in all_endpoints
        for one in each.statements
        if one.is_read
        for said in query_breaches(each.heading, one)
    ]

    assert not broken, "\n".join(broken)


@pytest.fixture
def cachalot(settings):
    """Reference tables are cached, as where the server runs."""
    settings.CACHALOT_ENABLED = True
    cachalot_settings.reload()
    yield
    settings.CACHALOT_ENABLED = False
    cachalot_settings.reload()


def test_what_was_read_before_costs_no_statement(seeded, cachalot, django_db_blocker):
    with django_db_blocker.unblock():
        broken = [
            f"{breach(ask.endpoint + ask.query, 'queries_warm', len(ran), most)} {ran}"
            for ask, ran in warm_statements()
            if len(ran) > (most := budgets().routes[ask.endpoint].queries_warm)
        ]

    assert not broken, "\n".join(broken)


def test_bringing_a_search_up_to_date_keeps_its_budget(seeded, db):
    statements = revisions()

    plans = [explain(statement, None) for statement in statements]

    # All matches are in novels that changed, and both ways lead to as many as are ranked.
    known = len(Search("the").find().known)
    assert [plan.returned for plan in plans] == [
        1 + known
    ] * 2 and known == MAX_CANDIDATES + SPARE_CANDIDATES
    for statement, plan in zip(statements, plans, strict=True):
        assert [*query_breaches("GET /search/", Explained(statement.sql, plan, True))] == []


def picture():
    file = BytesIO()
    Picture.new("RGB", (40, 30)).save(file, "PNG")
    return SimpleUploadedFile("panel.png", file.getvalue(), "image/png")


@pytest.mark.parametrize("name", sorted(NOT_ASKED))
def test_what_keeps_files_keeps_its_budget_too(db, make_user, as_user, name):
    client = as_user(make_user())
    if "panels" in name:
        comic = client.post("/api/v1/comics/", {"title": "New"}, format="json").json()
        url, fields = f"/api/v1/comics/{comic['id']}/panels/", {"image": picture(), "number": 1}
    else:
        text = SimpleUploadedFile("novel.txt", b"Chapter 1\n\nOnce.", "text/plain")
        url, fields = "/api/v1/novels/", {"title": "New", "file": text}

    with captured() as statements:
        answer = client.post(url, fields, format="multipart")

    budget = budgets().routes[name]
    assert answer.status_code == 201, answer.content
    assert len(statements) <= budget.queries_cold, statements
    assert len(answer.content) <= budget.bytes


@pytest.mark.parametrize("name", sorted(WITHOUT_ROWS))
def test_what_comes_from_no_table_keeps_its_budget(api, name):
    answer = api.get("/api/v1" + name.removeprefix("GET "))

    assert len(answer.content) <= budgets().routes[name].bytes


def test_a_breach_names_route_figure_budget_and_what_to_do(all_endpoints):
    status = endpoint(all_endpoints, "GET /novels/{novel_id}/status/")

    assert [*route_breaches(replace(status, statements=status.statements * 2))] == [
        "GET /novels/{novel_id}/status/: queries_cold is 2, the budget 1. Is a statement repeated "
        "for each row? Read many at once, in querysets.py. If it must be, raise it in "
        "perf/budgets.toml and say why in `reason`."
    ]
    assert "bytes is 9000, the budget 600." in next(
        route_breaches(replace(status, size_bytes=9000))
    )


def worse(status, **node):
    (one,) = status.statements
    nodes = [replace(each, **node) for each in one.plan.nodes]
    plan = replace(one.plan, nodes=nodes, buffers=50)
    return replace(status, statements=[replace(one, plan=plan)])


def test_a_lost_index_breaks_buffers_rows_and_nodes(all_endpoints):
    status = endpoint(all_endpoints, "GET /novels/{novel_id}/status/")
    lost = worse(status, kind="Seq Scan", index="", removed=2999)

    figures = [said.split(": ", 1)[1].split(" is ")[0] for said in route_breaches(lost)]
    assert figures == ["buffers", "examined_per_row", "forbidden_nodes"] + ["forbidden_nodes"] * (
        len(lost.statements[0].plan.nodes) - 1
    )
    assert "query 'novels status': buffers is 50, the budget 6." in next(
        query_breaches(lost.heading, lost.statements[0])
    )


def test_a_small_table_may_be_read_whole(all_endpoints):
    status = endpoint(all_endpoints, "GET /novels/{novel_id}/status/")
    small = worse(status, kind="Seq Scan", index="", removed=90)

    assert not [said for said in route_breaches(small) if "forbidden_nodes" in said]


def test_a_new_statement_without_a_budget_is_named(all_endpoints):
    (one,) = endpoint(all_endpoints, "GET /novels/{novel_id}/status/").statements

    (said,) = query_breaches("GET /new/", replace(one, sql="SELECT 1"))

    assert said == "GET /new/: no [queries] of perf/budgets.toml matches: SELECT 1"
