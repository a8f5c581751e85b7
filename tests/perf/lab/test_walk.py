"""`manage.py perf_walk` reads every public row once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from perf.lab.harness.measurements import percentile
from perf.lab.list_walk import ListWalker, find_long_lists

Make = Callable[..., Any]


@pytest.mark.django_db(transaction=True)
def test_a_walk_reads_every_public_novel_and_prints_the_cost_of_depth(
    live_server: Any, make_novels: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make_novels(23)
    make_novels(2, is_public=False)

    call_command("perf_walk", "--url", live_server.url, "--page-size", "5", "--passes", "2")

    _, newest, by_title, comics, panels = capsys.readouterr().out.splitlines()
    assert newest.split()[:4] == ["novels,", "-created_at", "23", "5"]
    assert len(newest.split()) == 9
    assert by_title.split()[:4] == ["novels,", "title", "23", "5"]
    assert comics.split()[:3] == ["comics", "0", "1"]
    assert panels.split() == ["panels", "none"]


@pytest.mark.django_db(transaction=True)
def test_depths_are_read_without_a_walk(
    live_server: Any,
    make_novels: Make,
    make_chapters: Make,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_chapters(make_novels(30)[0], "One")

    call_command("perf_walk", "--url", live_server.url, "--page-size", "2", "--depths", "3")

    heading, *lines = capsys.readouterr().out.splitlines()
    assert re.search(r"rows +0 % +10 % +50 % +90 % +100 % +max ms$", heading)
    novels = [line for line in lines if line.startswith("/novels/ ")]
    assert len(novels) == 6  # Orderings.
    for line in novels:
        assert re.fullmatch(r"/novels/ \S+ +30( +\S+ \(\S+\)){5} +\S+", line), line
    chapters = [line.split() for line in lines if "/chapters/" in line]
    assert ["/novels/{novel_id}/chapters/", "number", "1", "too", "few"] in chapters


@pytest.mark.django_db(transaction=True)
def test_a_page_at_a_depth_is_that_of_a_walk(live_server: Any, make_novels: Make) -> None:
    make_novels(20)
    walker = ListWalker(live_server.url)
    lists = [each for each in find_long_lists(page_size=3) if each.name.startswith("/novels/ ")]

    assert lists
    for each in lists:
        walked = [row["id"] for page in walker.pages(each.start) for row in page]
        assert [row["id"] for row in next(walker.pages(each.page_after(7)))] == walked[7:10]
    walker.close()


def test_a_missing_server_is_reported() -> None:
    with pytest.raises(CommandError, match="refused"):
        call_command("perf_walk", "--url", "http://127.0.0.1:9")


def test_a_percentile_is_the_value_that_a_share_does_not_exceed() -> None:
    ms = [float(number) for number in range(1, 201)]

    assert percentile(ms, 0.99) == 198
    assert percentile([5.0], 0.5) == 5
