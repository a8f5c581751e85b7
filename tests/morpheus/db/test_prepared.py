"""Hot statements are prepared on the server, and come back after what makes them go."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from morpheus.db.postgresql.base import PREPARED_MAX

# psycopg prepares what it has sent this often.
WARM = 8


def prepared(table):
    """Return how often each prepared statement that reads `table` was planned."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements "
            "WHERE statement LIKE %s AND statement NOT LIKE '%%pg_prepared%%'",
            [f'%FROM "{table}"%'],
        )
        return [plans for (plans,) in cursor.fetchall()]


def warm_up(api, *urls):
    for _ in range(WARM):
        for url in urls:
            assert api.get(url).status_code == 200


@pytest.mark.django_db
def test_hot_statements_are_prepared_and_used(api, make_novels):
    novel = make_novels(3)[0]

    warm_up(api, "/api/v1/novels/", f"/api/v1/novels/{novel.pk}/")

    assert len(prepared("novels_novel")) == 2
    assert all(plans >= 2 for plans in prepared("novels_novel"))


@pytest.mark.django_db
def test_a_reader_under_row_level_security_has_them_prepared_too(as_user, make_user, make_novels):
    ann = make_user("ann")
    make_novels(2, owner=ann, is_public=False)

    warm_up(as_user(ann), "/api/v1/novels/?owner=me")

    assert prepared("novels_novel")


@pytest.mark.django_db
def test_a_rollback_forgets_them_and_the_next_requests_bring_them_back(api, make_novels):
    make_novels(1)
    warm_up(api, "/api/v1/novels/")

    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError
    api.get("/api/v1/novels/")
    forgotten = prepared("novels_novel")
    warm_up(api, "/api/v1/novels/")

    assert forgotten == []
    assert prepared("novels_novel")


@pytest.mark.django_db
def test_a_connection_keeps_more_than_the_api_has():
    connection.ensure_connection()

    assert connection.connection.prepared_max == PREPARED_MAX
