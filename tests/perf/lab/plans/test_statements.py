"""What the statements of every route read, and how many rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from perf.lab.plans.list_proofs import HEADINGS, prove
from perf.lab.plans.statements import ExplainedRequest, explain_requests
from perf.monitoring.list_routes import list_combinations
from users.models import User

SMALL = {"novels_genre", "novels_language", "novels_publiccount", "comics_image"}


def test_no_statement_reads_a_column_without_need(
    explained_requests: list[ExplainedRequest],
) -> None:
    """Only a chapter needs its text, and only a request with a password needs its hash.

    A session is compared with a digest of the password hash.
    """
    for request in explained_requests:
        heading = request.sent.heading
        sql = "\n".join(statement.sql for statement in request.statements if statement.is_read)
        if not heading.startswith("POST /auth/") and "current_password" not in request.sent.body:
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
                nodes = statement.plan.nodes
                scanned = {node.table for node in nodes if node.kind.endswith("Seq Scan")}
                assert scanned <= SMALL, (request.sent.heading, statement.sql)


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


@pytest.mark.usefixtures("small_data", "db")
def test_a_proof_is_one_row_of_the_table() -> None:
    (cells,) = [prove(each).cells() for each in list_combinations() if "panels" in each.route.path]

    assert len(cells) == len(HEADINGS)
