"""Limits of a request's statements, tried with a lock of another session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

from morpheus.db.roles import connected_as
from morpheus.db.statement_settings import is_canceled, set_serving_limits, statement_timeout
from morpheus.db.transactions import read_transaction

ASK = """
from morpheus import wsgi
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "lock_timeout"):
        print(cursor.execute(f"SHOW {name}").fetchone()[0])
"""


@pytest.fixture
def limits(settings: Any) -> Iterator[None]:
    """Serve the test's requests under limits of a tenth of a second."""
    settings.MORPHEUS_SERVING_LIMITS_MS = {"statement_timeout": 5000, "lock_timeout": 100}
    saved = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    set_serving_limits(connection.settings_dict)
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"] = saved


@contextmanager
def hold_lock(table: str) -> Iterator[None]:
    """Hold the strongest lock on a table, as a migration does."""
    with connected_as("owner"):
        parameters = connection.get_connection_params()
    with psycopg.connect(**parameters | {"prepare_threshold": None}) as owner:
        owner.execute(f"LOCK TABLE {table}")
        yield


@pytest.mark.django_db(transaction=True)
def test_a_lock_of_another_session_is_503_and_poisons_no_thread(
    limits: None, client: Any, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(1)

    with hold_lock("novels_novel"):
        answers = [client.get("/api/v1/novels/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503] * 3
    assert all(int(answer["Retry-After"]) >= 1 for answer in answers)
    assert client.get("/api/v1/novels/").status_code == 200


def test_the_server_is_limited_and_keeps_the_options_it_was_given() -> None:
    given: dict[str, Any] = {"OPTIONS": {"options": "-c search_path=public", "pool": {}}}

    set_serving_limits(given)

    assert given["OPTIONS"]["options"].split() == [
        *("-c", "search_path=public"),
        *("-c", f"statement_timeout={settings.MORPHEUS_SERVING_LIMITS_MS['statement_timeout']}"),
        *("-c", f"lock_timeout={settings.MORPHEUS_SERVING_LIMITS_MS['lock_timeout']}"),
    ]


@pytest.mark.django_db
def test_what_granian_loads_is_limited_and_what_commands_use_is_not() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    root = Path(__file__).resolve().parents[3]

    served = subprocess.run(
        [sys.executable, "-c", ASK],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )

    assert served.stdout.split() == ["15s", "3s"]
    with connection.cursor() as cursor:
        assert cursor.execute("SHOW statement_timeout").fetchone() == ("0",)


def _settings() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), "
            "COALESCE(current_setting('app.user_id', true), '')"
        )
        row: tuple[str, str] = cursor.fetchone()
        return row


@pytest.mark.django_db(transaction=True)
def test_a_statement_limit_cancels_a_slow_statement_and_does_not_leak() -> None:
    before = _settings()
    backend = connection.connection.info.backend_pid

    with statement_timeout(connection, 0.1):
        with pytest.raises(OperationalError) as caught, connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        within = _settings()

    assert is_canceled(caught.value)
    assert within == ("100ms", before[1])
    assert _settings() == before
    assert connection.connection.info.backend_pid == backend


@pytest.mark.django_db(transaction=True)
def test_a_statement_limit_and_an_identity_are_sent_together() -> None:
    with read_transaction(as_user=5), statement_timeout(connection, 1.5):
        assert _settings() == ("1500ms", "5")
        with read_transaction(as_user=None):
            assert _settings() == ("1500ms", "")
    with statement_timeout(connection, 1.5), read_transaction(as_user=5):
        assert _settings() == ("1500ms", "5")

    assert _settings()[1] == ""


@pytest.mark.django_db(transaction=True)
def test_a_transaction_keeps_the_limit_of_its_connection() -> None:
    before = _settings()

    with transaction.atomic(), statement_timeout(connection, 0.1):
        assert _settings() == before
    with statement_timeout(connection, 0):
        assert _settings() == before
