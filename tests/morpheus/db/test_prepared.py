"""Hot statements are prepared on the server, planned once, and come back after what ends them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from morpheus.db.postgresql.base import PREPARED_MAX

# psycopg prepares what it has sent this often.
WARM = 8
# PostgreSQL plans so many executions for their parameters, then compares with a plan for any.
CUSTOM = 5
STATEMENTS = Path(__file__).resolve().parents[3] / "perf" / "lab" / "plans" / "snapshots"


def list_prepared(table: str) -> list[int]:
    """Return how often each prepared statement that reads `table` was planned."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements "
            "WHERE statement LIKE %s AND statement NOT LIKE '%%pg_prepared%%'",
            [f'%FROM "{table}"%'],
        )
        return [plans for (plans,) in cursor.fetchall()]


def warm_up(api: APIClient, *urls: str, times: int = WARM) -> None:
    for _ in range(times):
        for url in urls:
            assert api.get(url).status_code == 200


def plans(*, of: str) -> list[tuple[int, int]]:
    """Return `(generic, custom)` of each prepared statement of the API that contains `of`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements "
            "WHERE strpos(statement, %s) > 0 AND statement NOT LIKE '%%pg_prepared%%'",
            [of],
        )
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_hot_statements_are_prepared_and_used(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    novel = make_novels(3)[0]

    warm_up(api, "/api/v1/novels/", f"/api/v1/novels/{novel.pk}/")

    assert len(list_prepared("novels_novel")) == 2
    assert all(plans >= 2 for plans in list_prepared("novels_novel"))


@pytest.mark.django_db
def test_hot_statements_are_planned_once_and_not_for_each_request(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    make_user: Callable[..., Any],
    as_user: Callable[..., APIClient],
) -> None:
    ann = make_user("ann")
    novels = make_novels(3, owner=ann)
    make_chapters(novels[0], "Once upon a time")
    path = f"/api/v1/novels/{novels[0].pk}/"
    second = api.get("/api/v1/novels/?page_size=1").json()["next"]
    asked = {  # By what only the statement that reads the page has.
        second: '"id") < (',
        path: '"users_publicuser"',
        f"{path}chapters/": '"is_public" FROM "novels_chapter"',
        f"{path}chapters/1/": '"novels_chaptertext"."content"',
    }

    warm_up(api, *asked, times=3 * WARM)
    warm_up(as_user(ann), "/api/v1/novels/?owner=me", times=3 * WARM)

    for part in (*asked.values(), "users_token_by_digest"):
        rows = plans(of=part)
        assert rows, part
        assert all(custom <= CUSTOM < generic for generic, custom in rows), (part, rows)


def test_no_statement_of_the_api_has_a_list_that_grows_with_data_or_client() -> None:
    statements = "".join(path.read_text() for path in STATEMENTS.glob("*.txt"))
    lists = re.findall(r"(\S+) IN \(%s, …\)", statements)

    # Two states of each, which the code names.
    assert set(lists) == {"novels_processingstatus.state", "users_export.state"}


@pytest.mark.django_db
def test_a_reader_under_row_level_security_has_them_prepared_too(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
) -> None:
    ann = make_user("ann")
    make_novels(2, owner=ann, is_public=False)

    warm_up(as_user(ann), "/api/v1/novels/?owner=me")

    assert list_prepared("novels_novel")


@pytest.mark.django_db
def test_a_rollback_forgets_them_and_the_next_requests_bring_them_back(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(1)
    warm_up(api, "/api/v1/novels/")

    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError
    api.get("/api/v1/novels/")
    forgotten = list_prepared("novels_novel")
    warm_up(api, "/api/v1/novels/")

    assert forgotten == []
    assert list_prepared("novels_novel")


@pytest.mark.django_db
def test_a_connection_keeps_more_than_the_api_has() -> None:
    connection.ensure_connection()

    assert connection.connection.prepared_max == PREPARED_MAX
