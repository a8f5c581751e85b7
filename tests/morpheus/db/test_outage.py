"""The connection pool as the settings make it, through a database that is long out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg_pool import ConnectionPool

POOL = settings.DATABASES["default"]["OPTIONS"]["pool"]


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[ConnectionPool]:
    """Make a pool like that of the server, but impatient, whose database is not there."""
    impatient = POOL | {"timeout": 0.05, "reconnect_timeout": 0.05}
    parameters = connection.get_connection_params() | {"host": str(tmp_path)}
    with ConnectionPool(kwargs=parameters, **impatient) as pool:
        yield pool


@pytest.mark.django_db
def test_the_pool_connects_again_however_many_were_refused(cut_off: ConnectionPool) -> None:
    def is_refused(_: int) -> bool:
        try:
            cut_off.putconn(cut_off.getconn())
        except psycopg.OperationalError:
            return True
        return False

    with ThreadPoolExecutor(POOL["max_size"]) as threads:
        assert all(threads.map(is_refused, range(6 * POOL["max_size"])))
    assert isinstance(cut_off.kwargs, dict)
    cut_off.kwargs["host"] = connection.settings_dict["HOST"]

    assert not all(map(is_refused, range(100)))


def test_a_long_outage_does_not_last_beyond_its_end() -> None:
    assert POOL["reconnect_timeout"] <= POOL["timeout"]
