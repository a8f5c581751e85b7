"""What MORPHEUS_PGBOUNCER changes, and what it is refused with; `tests/ops` has the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from morpheus.checks import CONTRADICTIONS
from morpheus.db.statement_settings import set_serving_limits

SHOW = """
import json
from django.conf import settings
print(json.dumps(settings.DATABASES, default=str))
"""
URL = "postgresql://app:secret@pooler:6432/novels"


def databases(**environment: str) -> Any:
    """Return DATABASES as a process of that environment has it."""
    given = {"PATH": os.defpath, "DJANGO_SETTINGS_MODULE": "morpheus.settings"}
    root = Path(__file__).resolve().parents[3]
    shown = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=root,
        env=given | {"DATABASE_URL": URL, "DATABASE_REPLICA_URL": ""} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(shown.stdout)


def test_behind_pgbouncer_nothing_is_prepared_and_no_cursor_stays_on_the_server() -> None:
    default = databases(MORPHEUS_PGBOUNCER="on")["default"]

    assert default["OPTIONS"]["prepare_threshold"] is None
    assert default["OPTIONS"]["server_side_binding"] is True
    assert default["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_without_it_statements_are_prepared() -> None:
    default = databases(MORPHEUS_PGBOUNCER="")["default"]

    assert default["OPTIONS"]["prepare_threshold"] == 5


def test_a_pgbouncer_that_keeps_prepared_statements_gets_them() -> None:
    default = databases(MORPHEUS_PGBOUNCER="on", MORPHEUS_PGBOUNCER_PREPARED="on")["default"]

    assert default["OPTIONS"]["prepare_threshold"] == 5


def test_it_is_for_the_replica_too() -> None:
    replica = databases(MORPHEUS_PGBOUNCER="on", DATABASE_REPLICA_URL=URL)["replica"]

    assert replica["OPTIONS"]["prepare_threshold"] is None
    assert replica["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_pgbouncer_is_given_no_options_when_connecting(settings: Any) -> None:
    settings.MORPHEUS_PGBOUNCER = True
    database: dict[str, Any] = {"OPTIONS": {"pool": {}}}

    set_serving_limits(database)

    assert database == {"OPTIONS": {"pool": {}}}


def contradictions() -> list[str | None]:
    return [message.id for message in run_checks(tags=[CONTRADICTIONS])]


def test_options_that_pgbouncer_would_not_pass_on_are_refused(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = settings.DATABASES["default"]
    monkeypatch.setitem(default, "HOST", "pooler")
    monkeypatch.setitem(default["OPTIONS"], "options", "-c search_path=public")
    settings.MORPHEUS_PGBOUNCER = True

    assert contradictions() == ["morpheus.E014"]


@pytest.mark.django_db
def test_no_pooler_where_the_settings_say_that_there_is_one_is_noticed(settings: Any) -> None:
    settings.MORPHEUS_PGBOUNCER = True

    messages = run_checks(tags=["database"], databases=["default"])

    assert [message.id for message in messages] == ["morpheus.W010"]
