"""The connection pool: its metrics, and no settings of an earlier user."""

from __future__ import annotations

import re
import threading

import pytest
from django.db import connection, transaction
from django.test import Client


def gauge(client: Client, name: str) -> float:
    text = client.get("/metrics").content.decode()
    match = re.search(rf'^morpheus_db_pool_{name}{{alias="default"}} (\S+)$', text, re.MULTILINE)
    assert match, text
    return float(match[1])


@pytest.mark.django_db(transaction=True)
def test_the_gauges_follow_the_pool(client: Client) -> None:
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    requests = gauge(client, "requests_total")
    timeouts = gauge(client, "timeouts_total")

    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            held.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    during = gauge(client, "size") - gauge(client, "idle")
    release.set()
    thread.join()

    assert during == 2  # This thread's and the other one's.
    assert gauge(client, "requests_total") > requests
    assert gauge(client, "waiting") == 0
    assert gauge(client, "timeouts_total") == timeouts
    assert gauge(client, "size_limit") == 16


@pytest.mark.django_db(transaction=True)
def test_scraping_opens_no_connection(client: Client) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]

    text = client.get("/metrics").content.decode()

    assert 'morpheus_db_pool_size{alias="default"} 0.0' in text
    pools = connection._connection_pools  # type: ignore[attr-defined]
    assert connection.alias not in pools
