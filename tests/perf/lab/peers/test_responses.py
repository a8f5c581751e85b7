"""All contestants give the same responses; a different response is reported."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from morpheus.db.roles import connected_as
from perf.lab.peers import contestants
from perf.lab.peers.contestants import OURS, Contestant
from perf.management.commands import bench_peers

ROWS = {
    "novels": 60,
    "chapters_per_novel": 1,
    "words_per_chapter": 20,
    "comics": 4,
    "panels": 300,
    "users": 10,
}


@pytest.fixture
def seeded_rows(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contestants, "REDIS_DATABASE", 60)
    call_command("seed", reset=True, quiet=True, **ROWS)
    with connected_as("loader"), connection.cursor() as cursor:
        cursor.execute("UPDATE comics_comic SET is_public = true")
        # Without microseconds some formats are shorter.
        cursor.execute("UPDATE novels_novel SET updated_at = date_trunc('second', updated_at)")


def test_all_contestants_give_the_same_responses(
    seeded_rows: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(bench_peers.Command(), only_compare=True)

    assert "ok  All contestants give the same responses." in capsys.readouterr().out


def test_a_different_response_fails_the_run(
    seeded_rows: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = Contestant("careless", "careless", "tests.perf.lab.peers.careless")
    for module in ("perf.lab.peers.contestants", "perf.lab.peers.routes"):
        monkeypatch.setattr(f"{module}.CONTESTANTS", (OURS, careless))

    with pytest.raises(SystemExit) as ended:
        call_command(bench_peers.Command(), only_compare=True)

    assert ended.value.code == 1
    assert "response of careless differs at [0].created_at" in capsys.readouterr().err
