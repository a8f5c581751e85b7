from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection

from morpheus.checks import CONTRADICTIONS
from morpheus.db.roles import connected_as
from morpheus.embedded.roles import prepare_database
from tests.conftest import administrator_url

REPOSITORY = Path(__file__).resolve().parents[2]
MORPHEUS_BEHIND_PROXY = {
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "MORPHEUS_TRUSTED_PROXIES": 1,
    "MORPHEUS_METRICS_TOKEN": "long and random",
    "SECURE_SSL_REDIRECT": True,
}


def list_contradictions() -> list[str | None]:
    return [message.id for message in run_checks(tags=[CONTRADICTIONS])]


@pytest.fixture
def manage(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run manage.py in an environment of its own, where no services run."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env={"PATH": os.defpath, "MORPHEUS_VAR": str(tmp_path)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_defaults_contradict_nothing() -> None:
    assert list_contradictions() == []


def test_complete_proxy_settings_contradict_nothing(settings: Any) -> None:
    for name, value in MORPHEUS_BEHIND_PROXY.items():
        setattr(settings, name, value)

    assert list_contradictions() == []


@pytest.mark.parametrize(
    ("name", "value", "check_id"),
    [
        ("MORPHEUS_TRUSTED_PROXIES", 0, "morpheus.E004"),
        ("MORPHEUS_METRICS_TOKEN", "", "morpheus.E006"),
    ],
)
def test_incomplete_proxy_settings_are_refused(
    settings: Any, name: str, value: Any, check_id: str
) -> None:
    for each, complete in MORPHEUS_BEHIND_PROXY.items():
        setattr(settings, each, complete)
    setattr(settings, name, value)

    assert list_contradictions() == [check_id]


@pytest.mark.parametrize(
    ("seconds", "subdomains", "ids"),
    [
        (31_536_000, True, []),
        (31_536_000, False, ["morpheus.E008"]),
        (3600, True, ["morpheus.E008"]),
    ],
)
def test_hsts_preloading_needs_the_subdomains_and_a_year(
    settings: Any, seconds: int, subdomains: bool, ids: list[str]
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_PRELOAD = True
    settings.SECURE_HSTS_SECONDS = seconds
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = subdomains

    assert list_contradictions() == ids


def test_owner_and_server_of_different_machines_are_refused(manage: Callable[..., Any]) -> None:
    result = manage(
        "run", MORPHEUS_HTTPS="off", DATABASE_OWNER_URL="postgresql://owner:secret@db/morpheus"
    )

    assert result.returncode == 1
    assert "DATABASE_OWNER_URL is set and DATABASE_URL is not" in result.stderr


def test_a_server_that_would_only_redirect_does_not_start(manage: Callable[..., Any]) -> None:
    result = manage("run")

    assert result.returncode == 1
    assert "MORPHEUS_HTTPS redirects every request" in result.stderr


def test_more_threads_than_max_connections_are_refused(db: None, settings: Any) -> None:
    settings.MORPHEUS_THREADS = 100_000

    messages = run_checks(tags=["database"], databases=["default"])

    assert [message.id for message in messages] == ["morpheus.E003"]


@pytest.mark.django_db(transaction=True)
def test_a_serving_role_that_bypasses_row_level_security_is_refused() -> None:
    with connected_as("loader"):
        messages = run_checks(tags=["database"], databases=["default"])

    assert [message.id for message in messages] == ["morpheus.E001"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("database", "target"), [("migrated", "zero"), ("bare", "0001")])
def test_migrating_as_the_wrong_role_says_which_variable_is_missing(
    settings: Any, monkeypatch: pytest.MonkeyPatch, database: str, target: str
) -> None:
    roles = settings.MORPHEUS_DATABASE_ROLES
    app = {key: connection.settings_dict[key] for key in roles["owner"] if key != "OPTIONS"}
    settings.MORPHEUS_DATABASE_ROLES = roles | {"owner": app}
    if database == "bare":
        name = f"{connection.settings_dict['NAME']}_bare"
        prepare_database(administrator_url(), name)
        monkeypatch.setitem(connection.settings_dict, "NAME", name)

    with pytest.raises(CommandError, match="morpheus_app may not change .*DATABASE_OWNER_URL"):
        call_command("migrate", "novels", target, verbosity=0)


@pytest.mark.parametrize("command", [["check", "--deploy"], ["makemigrations", "--check"]])
def test_a_fresh_clone_is_clean_while_no_services_run(
    manage: Callable[..., Any], command: list[str]
) -> None:
    result = manage(*command)

    assert (result.returncode, result.stderr) == (0, "")


def test_an_unreachable_database_is_reported_in_a_sentence(manage: Callable[..., Any]) -> None:
    result = manage("prepare", MORPHEUS_POOL_TIMEOUT_S="0.5")

    assert result.returncode == 1
    assert "CommandError: The database is not reachable:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_command_without_a_database_names_the_command_that_starts_one(manage: Any) -> None:
    result = manage("import_novels", "README.md", MORPHEUS_POOL_TIMEOUT_S="0.2")

    assert result.returncode == 1
    assert "services up" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_without_collected_static_files_is_refused(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    assert "morpheus.E009" in list_contradictions()

    (tmp_path / "staticfiles.json").touch()
    assert list_contradictions() == []
