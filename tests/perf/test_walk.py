"""`manage.py perf_walk` meets every public row once."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from perf.walk import percentile, tenths


@pytest.mark.django_db(transaction=True)
def test_a_walk_meets_every_public_novel_and_says_what_depth_costs(
    live_server, make_novels, capsys
):
    make_novels(23)
    make_novels(2, is_public=False)

    call_command("perf_walk", "--url", live_server.url, "--page-size", "5", "--passes", "2")

    newest, by_title, comics, panels = capsys.readouterr().out.splitlines()
    assert newest.startswith("novels, -created_at: 23 rows on 5 pages; p50 ")
    assert by_title.startswith("novels, title: 23 rows on 5 pages; ")
    assert comics.startswith("comics: 0 rows on 1 pages; ")
    assert panels == "panels: there are none"


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(CommandError, match="refused"):
        call_command("perf_walk", "--url", "http://127.0.0.1:9")


def test_percentiles_and_tenths():
    ms = [float(number) for number in range(1, 201)]

    assert percentile(ms, 0.99) == 198
    assert percentile([5.0], 0.5) == 5
    assert tenths(ms) == (ms[:20], ms[180:])
