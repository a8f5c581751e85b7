"""`manage.py operator`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.conftest import as_staff
from users.models import User
from users.services.users import operator_ensure

pytestmark = pytest.mark.django_db

EMAIL = "operator@morpheus.local"


@pytest.fixture
def login_file(settings: Settings, tmp_path: Path) -> Path:
    """The file that holds the operator's login."""
    settings.MORPHEUS_VAR = tmp_path / "var"
    return tmp_path / "var" / "operator-login"


def run(**options: Any) -> str:
    out = StringIO()
    call_command("operator", stdout=out, **options)
    return out.getvalue()


def test_the_first_run_makes_a_superuser_and_says_how_to_log_in(
    login_file: Any, client: APIClient
) -> None:
    output = run()

    email, password = login_file.read_text().split()
    assert email == EMAIL and email in output and password in output and "/admin/" in output
    assert login_file.stat().st_mode & 0o777 == 0o600
    with as_staff():
        assert User.objects.get().is_superuser
    assert client.login(username=email, password=password)


def test_a_later_run_changes_nothing_and_says_where_the_password_is(login_file: Any) -> None:
    run()
    with as_staff():
        before = (login_file.read_text(), User.objects.values().get())

    output = run(email="other@example.org")

    with as_staff():
        assert before == (login_file.read_text(), User.objects.values().get())
    assert EMAIL in output and str(login_file) in output
    assert before[0].split()[1] not in output


def test_a_later_run_says_that_the_password_was_changed(login_file: Any) -> None:
    run()
    with as_staff():
        user = User.objects.get()
    user.set_password("changed by the operator")
    with as_staff():
        user.save()

    assert "was changed since" in run()
    with as_staff():
        user.refresh_from_db()
    assert user.check_password("changed by the operator")


def test_another_superuser_is_enough(login_file: Any, make_user: Callable[..., Any]) -> None:
    make_user("root", is_staff=True, is_superuser=True)

    output = run()

    assert "root@example.org" in output
    assert not login_file.exists()
    with as_staff():
        assert User.objects.count() == 1


def test_an_inactive_superuser_is_not_enough(
    login_file: Any, make_user: Callable[..., Any]
) -> None:
    make_user("root", is_staff=True, is_superuser=True, is_active=False)

    run()

    with as_staff():
        assert User.objects.operators().get().email == EMAIL


def test_a_stranger_with_the_operators_address_does_not_become_one(login_file: Any) -> None:
    User.objects.create_user(EMAIL, "known to the stranger", display_name="Stranger")

    with pytest.raises(CommandError, match="--email"):
        run()

    with as_staff():
        assert not User.objects.operators().exists()
    run(email="Me@Example.org")
    with as_staff():
        assert User.objects.operators().get().email == "me@example.org"


def test_an_invalid_address_is_refused(login_file: Any) -> None:
    with pytest.raises(CommandError, match="not an e-mail address"):
        run(email="me")


def test_a_stored_password_is_used_for_a_new_database(login_file: Any) -> None:
    run()
    password = login_file.read_text().split()[1]
    with as_staff():
        User.objects.all().delete()

    run()

    with as_staff():
        assert User.objects.get().check_password(password)


def test_a_stored_password_is_never_overwritten(login_file: Any) -> None:
    run()
    before = login_file.read_text()
    with as_staff():
        User.objects.all().delete()

    with pytest.raises(CommandError, match="move the file away"):
        run(email="other@example.org")

    assert login_file.read_text() == before


def test_quiet_prints_nothing(login_file: Any) -> None:
    assert run(quiet=True) == ""
    assert login_file.exists()


@pytest.mark.django_db(transaction=True)
def test_runs_at_the_same_time_make_one_superuser() -> None:
    start = threading.Barrier(4)
    made = []

    def slow_password() -> str:
        time.sleep(0.05)  # The others are here by then, or wait.
        return "a slow password"

    def one() -> None:
        start.wait()
        try:
            made.append(operator_ensure(email=EMAIL, password=slow_password))
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [False, False, False, True]
    with as_staff():
        assert User.objects.operators().count() == 1
