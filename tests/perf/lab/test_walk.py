"""`manage.py perf_walk` meets every public row once."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

from perf.lab.list_depths import long_lists
from perf.lab.walk import Walker, percentile, tenths


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


@pytest.mark.django_db(transaction=True)
def test_depths_are_looked_at_without_a_walk(live_server, make_novels, make_chapters, capsys):
    make_chapters(make_novels(30)[0], "One")

    call_command("perf_walk", "--url", live_server.url, "--page-size", "2", "--depths", "3")

    lines = capsys.readouterr().out.splitlines()
    looked = [line for line in lines if line.startswith("/novels/ ")]
    assert len(looked) == 6  # Orderings.
    for line in looked:
        assert re.fullmatch(
            r"/novels/ \S+: 30 rows; p50 \(p99\) ms at "
            r"0 % {0}, 10 % {0}, 50 % {0}, 90 % {0}, 100 % {0}; slowest of all \S+".format(
                r"\S+ \(\S+\)"
            ),
            line,
        )
    assert "/novels/{novel_id}/chapters/ number: 1 rows, too few" in lines


@pytest.mark.django_db(transaction=True)
def test_a_page_at_a_depth_is_that_of_a_walk(live_server, make_novels):
    make_novels(20)
    walker = Walker(live_server.url)
    lists = [one for one in long_lists(page_size=3) if one.name.startswith("/novels/ ")]

    assert lists
    for one in lists:
        walked = [row["id"] for page in walker.pages(one.start) for row in page]
        assert [row["id"] for row in next(walker.pages(one.page_after(7)))] == walked[7:10]
    walker.close()


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(CommandError, match="refused"):
        call_command("perf_walk", "--url", "http://127.0.0.1:9")


def test_percentiles_and_tenths():
    ms = [float(number) for number in range(1, 201)]

    assert percentile(ms, 0.99) == 198
    assert percentile([5.0], 0.5) == 5
    assert tenths(ms) == (ms[:20], ms[180:])
