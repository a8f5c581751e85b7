"""All contestants give the same responses; a different response is reported."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from perf.lab.peers import installation
from perf.lab.peers.contestants import PEERS, Contestant
from perf.management.commands import bench_peers
from tests.peer_rows import seeded_rows as seeded_rows


def test_all_contestants_give_the_same_responses(
    seeded_rows: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(bench_peers.Command(), only_compare=True)

    assert "ok  All contestants give the same responses." in capsys.readouterr().out


def test_a_different_response_fails_the_run(
    seeded_rows: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = Contestant("careless", "careless", "tests.perf.lab.peers.careless")
    monkeypatch.setitem(PEERS, "drf", (careless,))

    with pytest.raises(SystemExit) as ended:
        call_command(bench_peers.Command(), only_compare=True)

    assert ended.value.code == 1
    assert "response of careless differs at [0].created_at" in capsys.readouterr().err


def test_a_run_says_which_programs_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "PYTHON", (99, 0))
    monkeypatch.setattr(installation, "_PYTHON_CHECK", "raise SystemExit(1)")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CommandError) as raised:
        call_command(bench_peers.Command(), peers="fastify,bolt")

    assert str(raised.value).splitlines() == [
        "There is no wrk: apt-get install wrk.",
        "There is no Node 20 or later with npm in PATH: install one.",
        "There is no Python 99.0 or later in PATH: install one.",
    ]


@pytest.mark.parametrize(
    ("peers", "message"),
    [
        ("drf,rails", "No such peer: rails. There are drf, done_well, fastify, bolt."),
        ("drf,bolt", "PostgreSQL has not enough connections for drf and others"),
    ],
)
def test_a_run_refuses_peers_that_it_cannot_have(peers: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command(bench_peers.Command(), peers=peers)
