"""The database is restarted while every pooled connection lies idle."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from morpheus.embedded.addresses import Addresses

THREADS = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]


def fill_pool() -> int:
    """Have every connection of the pool opened, used and given back; return how many there are."""
    together = Barrier(THREADS, timeout=20)

    def use(_: int) -> int:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                together.wait()
                return int(cursor.fetchone()[0])
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        return len(set(threads.map(use, range(THREADS))))


def end_all_connections() -> None:
    admin_url = os.environ.get("DATABASE_ADMIN_URL") or Addresses.under(
        settings.MORPHEUS_VAR
    ).database_url("postgres", "postgres")
    with psycopg.connect(admin_url) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [connection.settings_dict["NAME"]],
        )


@pytest.mark.django_db(transaction=True)
def test_the_first_request_after_a_restart_succeeds(client: Any) -> None:
    connection.close()
    assert fill_pool() == THREADS
    end_all_connections()

    assert client.get("/api/v1/novels/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_as_many_requests_as_threads_after_a_restart_all_succeed(client: Any) -> None:
    connection.close()
    fill_pool()
    end_all_connections()

    assert fill_pool() == THREADS
