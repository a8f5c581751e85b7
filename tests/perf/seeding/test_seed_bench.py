from __future__ import annotations

from django.core.management import call_command

from tests.perf.seeding.conftest import TINY


def test_seeder_and_psql_are_compared_table_by_table_and_nothing_changes(
    seed, digests, rows, capsys
):
    seed()
    before = digests()

    call_command("seed_bench", "--rounds", "2", "--indexed", **TINY)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    compared = {line[0]: line[1:] for line in lines if "_" in line[0]}
    assert {table: line[0] for table, line in compared.items()} == {
        "users_user": "12",
        "novels_novel": "100",
        "novels_processingstatus": "100",
        "novels_chapter": "300",
        "novels_chaptertext": "300",
        "comics_comic": "40",
        "comics_panel": "200",
    }
    assert all(len(line) == 5 for line in compared.values())
    assert digests() == before
    assert not rows("SELECT FROM pg_namespace WHERE nspname = 'seed_bench'")
