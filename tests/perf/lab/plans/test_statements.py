"""docs/performance.md shows the statements of every route as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from perf.lab.harness.tables import markdown
from perf.lab.plans.documentation import replace_parts, statements_markdown
from perf.lab.plans.list_proofs import HEADINGS, prove
from perf.lab.plans.statements import ExplainedRequest, explain_requests
from perf.management.commands.perf_plans import DOCUMENT
from perf.monitoring.budgets import query_name
from perf.monitoring.list_routes import list_combinations
from users.models import User


def parse_statements(document: str) -> dict[str, list[str]]:
    """Return the SQL in a document by the headings of requests, without the plans."""
    # Headings of requests begin with a method and a path.
    sections = re.split(r"^### (?=[A-Z]+ /)", document, flags=re.MULTILINE)[1:]
    return {
        section.split("\n", 1)[0]: re.findall(r"```sql\n(.*?)\n```", section, re.DOTALL)
        for section in sections
    }


def test_the_document_shows_the_statements_as_they_are(
    explained_requests: list[ExplainedRequest],
) -> None:
    """Renew it by `manage.py perf_plans --write` on a database seeded with the defaults."""
    documented = parse_statements(DOCUMENT.read_text())
    executed = parse_statements(statements_markdown(explained_requests))

    # Some statements need rows of a kind, like private novels of one's comics, that more data has.
    further = {name: {*texts} - {*executed[name]} for name, texts in documented.items()}
    assert {name: {*texts} - further[name] for name, texts in documented.items()} == {
        name: {*texts} for name, texts in executed.items()
    }
    assert all(query_name(text) for texts in further.values() for text in texts)


def test_the_document_shows_every_combination() -> None:
    rows = re.findall(r"^\| (/\S+) \| (\S+) \| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)

    assert rows == [
        (each.route.path, each.ordering, each.filter_text) for each in list_combinations()
    ]


def test_no_statement_reads_a_column_without_need(
    explained_requests: list[ExplainedRequest],
) -> None:
    """Only a chapter needs its text, and only a login needs a password hash.

    A session is compared with a digest of the password hash.
    """
    for request in explained_requests:
        heading = request.sent.heading
        sql = "\n".join(statement.sql for statement in request.statements if statement.is_read)
        if not heading.startswith("POST /auth/"):
            read = re.sub(r"sha256\(convert_to\(\S+\.\"?password\b", "", sql)
            assert "password" not in read.replace("password_digest", ""), heading
        if request.sent.route != "GET /novels/{novel_id}/chapters/{number}/":
            assert "chaptertext.content" not in sql, heading
        assert "novels_searchdocument.vector" not in sql
        assert not re.search(r"SELECT \*|\.\*", sql), heading


def test_only_search_scans_a_large_table(explained_requests: list[ExplainedRequest]) -> None:
    for request in explained_requests:
        if request.sent.route != "GET /search/":
            for statement in request.statements:
                assert not re.search(
                    r"Seq Scan (?!novels_genre|novels_language|comics_image)", statement.plan_text
                ), (request.sent.heading, statement.sql)


def test_the_dashboard_limits_rows_before_it_joins_them(
    explained_requests: list[ExplainedRequest],
) -> None:
    (dashboard,) = [each for each in explained_requests if "/dashboard/" in each.sent.route]

    newest = [statement for statement in dashboard.statements if "LIMIT 5" in statement.sql]

    assert len(newest) == 2
    assert all(statement.plan.buffers <= 5 * 17 + 10 for statement in newest)


@pytest.mark.usefixtures("small_data", "db")
def test_explaining_leaves_nothing_behind() -> None:
    storages: dict[str, Any] = settings.STORAGES

    def files() -> set[Path]:
        return {*storages["images"]["OPTIONS"]["location"].rglob("*")}

    before = User.objects.count(), files()
    explain_requests()

    assert (User.objects.count(), files()) == before


def test_a_part_of_the_document_is_replaced_and_the_rest_stays() -> None:
    document = "before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n"

    assert replace_parts(document, {"a": "new | \\1"}) == document.replace("old", "new | \\1")
    with pytest.raises(ValueError, match="no part 'b'"):
        replace_parts(document, {"b": ""})


@pytest.mark.usefixtures("small_data", "db")
def test_a_proof_is_one_row_of_the_table() -> None:
    (cells,) = [prove(each).cells() for each in list_combinations() if "panels" in each.route.path]

    assert len(cells) == len(HEADINGS)
    assert markdown([cells], HEADINGS).count("\n") == 2
