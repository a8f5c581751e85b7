"""`manage.py perf_pool` counts what clients meet."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

LINE = (
    r"{clients} clients for 0\.5 s: \d+ answers \(\d+/s\), {failed}; .*max \d+ ms; "
    r"at most \d+ database connections\n"
)


@pytest.mark.django_db(transaction=True)
def test_clients_are_answered_all_at_once(live_server, make_novels, capsys):
    make_novels(3)

    call_command("perf_pool", "--url", live_server.url, "--clients", "1", "4", "--seconds", "0.5")

    lines = [LINE.format(clients=clients, failed="0 failed") for clients in (1, 4)]
    assert re.fullmatch("".join(lines), capsys.readouterr().out)


@pytest.mark.django_db(transaction=True)
def test_answers_other_than_200_fail_the_command_and_are_told(
    live_server, make_novels, monkeypatch, capsys
):
    make_novels(3)
    monkeypatch.setattr("perf.management.commands.perf_pool.LISTS", ("/api/v1/novels/", "/none/"))

    with pytest.raises(CommandError, match="Requests failed"):
        call_command("perf_pool", "--url", live_server.url, "--clients", "1", "--seconds", "0.5")

    assert re.search(r"[1-9]\d* failed, \d+ 404; ", capsys.readouterr().out)


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(CommandError, match="refused"):
        call_command("perf_pool", "--url", "http://127.0.0.1:9")
