"""`manage.py perf_pool` counts the responses that clients receive."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from perf.management.commands import perf_pool

# Clients, responses, per second, failed, four times, connections.
LINE = r"{clients} +[\d,]+ +[\d,]+ +{failed}( +[\d,]+){{4}} +\d+{kinds}"


@pytest.mark.django_db(transaction=True)
def test_all_clients_receive_responses_at_once(
    live_server: Any, make_novels: Callable[[int], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    make_novels(3)

    call_command("perf_pool", "--url", live_server.url, "--clients", "1", "4", "--seconds", "0.5")

    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[:5] == ["clients", "responses", "per", "s", "failed"]
    for clients, line in zip((1, 4), lines, strict=True):
        assert re.fullmatch(LINE.format(clients=clients, failed=0, kinds=""), line), line


@pytest.mark.django_db(transaction=True)
def test_responses_other_than_200_fail_the_command_and_are_counted(
    live_server: Any,
    make_novels: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_novels(3)
    # Anonymous clients have no profile.
    monkeypatch.setattr(perf_pool, "ROUTES", ("GET /novels/", "GET /users/me/"))

    with pytest.raises(CommandError, match="Requests failed"):
        call_command("perf_pool", "--url", live_server.url, "--clients", "1", "--seconds", "0.5")

    _, line = capsys.readouterr().out.splitlines()
    pattern = LINE.format(clients=1, failed=r"[1-9]\d*", kinds=r" +[1-9]\d* 401")
    assert re.fullmatch(pattern, line), line


def test_a_missing_server_is_reported() -> None:
    with pytest.raises(CommandError, match="refused"):
        call_command("perf_pool", "--url", "http://127.0.0.1:9")
