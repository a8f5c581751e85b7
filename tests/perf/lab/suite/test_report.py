"""The report is one whole page that needs no network and says what is broken."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from perf.lab.suite.report import report
from tests.perf.lab.suite.result import LINE, result

VOID = {"meta", "br"}


class Nesting(HTMLParser):
    """Follows which elements are open, and collects what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        self.text += data


def page(said, sizes):
    html = report(said, sizes)
    nesting = Nesting()
    nesting.feed(html)
    assert nesting.open == []
    return html, nesting.text


def said(**figures):
    return {"size": "small", "breaches": [], **result(**figures).as_json()}


def test_a_good_result_says_so_and_shows_every_line():
    html, text = page(said(), {"small": said()})

    assert "Every budget holds." in text
    assert "GET /novels/?q=<b>" in text
    assert html.count('<div class="row') >= 3
    assert "upload of a big novel" in text


def test_it_asks_for_nothing_from_the_network():
    html, _ = page(said(), {"small": said()})

    assert not re.search(r"https?:|src=|url\(|@import|<script|<link", html)


def test_what_is_broken_comes_first():
    slow = replace(LINE, p95=80.0)
    figures = said(lines=[slow]) | {"breaches": list(slow.breaches())}

    _, text = page(figures, {"small": figures})

    assert "1 budget is broken." in text
    assert text.index("p95_ms is 80.0, the budget 50") < text.index("Statements")


@pytest.mark.parametrize(("sizes", "shown"), [([600], False), ([600, 12_000], True)])
def test_a_curve_over_sizes_needs_two_of_them(sizes, shown):
    results = {str(count): said(novels=count) for count in sizes}

    _, text = page(said(), results)

    assert ("Only one size was measured" in text) is not shown
    assert ("Buffers, by novels" in text) is shown
