from __future__ import annotations

from django.core.management import call_command

from tests.perf.seeding.conftest import TINY


def test_seeder_and_psql_are_compared_table_by_table(seed, rows, capsys):
    seed()

    call_command("seed_bench", "--reset", **TINY)

    lines = capsys.readouterr().out.splitlines()
    assert [
        line.split()[:2] for line in lines if line.startswith(("comics_panel", "novels_novel "))
    ] == [
        ["novels_novel", "100"],
        ["comics_panel", "200"],
    ]
    assert lines[-1].startswith("all of these")
    assert not rows("SELECT FROM pg_namespace WHERE nspname = 'seed_bench'")
