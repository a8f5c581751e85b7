"""docs/performance.md shows every endpoint's statements as they are."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from perf.lab.plans.documentation import filled, statement_texts, statements_markdown
from perf.lab.plans.report import HEADINGS, markdown, prove
from perf.lab.plans.requests import ASKS, NOT_ASKED, WITHOUT_ROWS, WITHOUT_ROWS_FOR_STAFF
from perf.lab.plans.statements import endpoints
from perf.management.commands.perf_plans import DOCUMENT
from perf.monitoring.budgets import query_name
from perf.monitoring.list_routes import api_routes, combinations
from users.models import User

METHODS = ("get", "post", "put", "patch", "delete")


def test_every_endpoint_is_asked():
    offered = {
        f"{method.upper()} {route.path}"
        for route in api_routes()
        for method in METHODS
        if hasattr(route.view, method)
    }

    asked = {ask.endpoint for ask in ASKS} | WITHOUT_ROWS | WITHOUT_ROWS_FOR_STAFF
    assert offered == asked | NOT_ASKED


def test_the_document_shows_the_statements_as_they_are(all_endpoints):
    """Renew it by `manage.py perf_plans --write` on a database seeded with the defaults."""
    shown = statement_texts(DOCUMENT.read_text())
    asked = statement_texts(statements_markdown(all_endpoints))

    # What is asked for some rows only, like private novels of one's comics, more data ask sooner.
    further = {name: {*texts} - {*asked[name]} for name, texts in shown.items()}
    assert {name: {*texts} - further[name] for name, texts in shown.items()} == {
        name: {*texts} for name, texts in asked.items()
    }
    assert all(query_name(text) for texts in further.values() for text in texts)


def test_the_document_shows_every_combination():
    lines = re.findall(r"^\| (/\S+) \| (\S+) \| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)

    assert lines == [(one.route.path, one.ordering, one.filter_text) for one in combinations()]


def test_no_statement_reads_a_column_that_nobody_needs(all_endpoints):
    """Texts are read where they are shown; password hashes where somebody logs in.

    What tells whether a session is of the current password is no hash, but a digest of one.
    """
    for endpoint in all_endpoints:
        sql = "\n".join(one.sql for one in endpoint.statements if one.is_read)
        if not endpoint.heading.startswith("POST /auth/"):
            read = re.sub(r"sha256\(convert_to\(\S+\.\"?password\b", "", sql)
            assert "password" not in read.replace("password_digest", ""), endpoint.heading
        if endpoint.ask.endpoint != "GET /novels/{novel_id}/chapters/{number}/":
            assert "chaptertext.content" not in sql, endpoint.heading
        assert "novels_searchdocument.vector" not in sql
        assert not re.search(r"SELECT \*|\.\*", sql), endpoint.heading


def test_no_read_but_search_goes_through_a_large_table(all_endpoints):
    for endpoint in all_endpoints:
        if not endpoint.ask.endpoint.startswith("GET /search/"):
            for one in endpoint.statements:
                assert not re.search(
                    r"Seq Scan (?!novels_genre|novels_language|comics_image)", one.plan_text
                ), (endpoint.heading, one.sql)


def test_the_newest_of_the_dashboard_are_found_before_they_are_joined(all_endpoints):
    dashboard = next(one for one in all_endpoints if "/dashboard/" in one.heading)

    newest = [one for one in dashboard.statements if "LIMIT 5" in one.sql]

    assert len(newest) == 2
    assert all(one.plan.buffers <= 5 * 17 + 10 for one in newest)


def test_asking_leaves_nothing_behind(seeded, db):
    def files():
        return {*settings.STORAGES["images"]["OPTIONS"]["location"].rglob("*")}

    before = User.objects.count(), files()
    endpoints()

    assert (User.objects.count(), files()) == before


def test_a_part_of_the_document_is_renewed_and_the_rest_stays():
    document = "before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n"

    assert filled(document, {"a": "new | \\1"}) == document.replace("old", "new | \\1")
    with pytest.raises(ValueError, match="no part 'b'"):
        filled(document, {"b": ""})


def test_a_proof_is_one_line_of_the_table(seeded, db):
    (line,) = [prove(one).cells() for one in combinations() if "panels" in one.route.path]

    assert len(line) == len(HEADINGS)
    assert markdown([line]).count("\n") == 2
