"""The performance dashboard as an operator sees it, on a desk and on a phone, by day and night."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.chromium import Chromium

LOOKS = [(width, scheme) for width in (1280, 360) for scheme in ("light", "dark")]
# What is clicked, one after the other, to come from the first page to each.
WAYS = {
    "overview": [],
    "routes": ["Routes"],
    "route": ["Routes", "GET /novels/"],
    "queries": ["Queries"],
    "query": ["Queries", ".perf-listing tbody td.code a"],
    "slow": ["Slow queries"],
    "slow_query": ["Slow queries", ".perf-listing tbody td.code a"],
    "cache": ["Cache"],
    "connections": ["Connections"],
    "tables": ["Tables"],
    "indexes": ["Indexes"],
    "replication": ["Replication"],
}
PATHS = {
    "overview": "/admin/perf/",
    "query": r"/admin/perf/queries/-?\d+/",
    "slow_query": r"/admin/perf/slow/\d+/",
}
# Everything on the page that is wider than the window, unless it scrolls by itself.
TOO_WIDE = """
const wide = [...document.querySelectorAll("#container *")].filter(element =>
    !element.closest(".perf-scroll, #nav-sidebar, svg") &&
    element.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
return wide.slice(0, 5).map(element => element.outerHTML.slice(0, 200));
"""


@dataclass
class Look:
    """A browser of one width, whose visitor likes light or dark."""

    browser: Chromium
    name: str
    scheme: str

    def go(self, page: str) -> None:
        """Click from where it is to a page."""
        for way in WAYS[page]:
            is_selector = way.startswith(".")
            (self.browser.click if is_selector else self.browser.click_text)(way)


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request: pytest.FixtureRequest, chromium: Chromium, site: str) -> Iterator[Look]:
    """The operator's browser on the dashboard's first page."""
    width, scheme = request.param
    chromium.show_as(width=width, scheme=scheme)
    chromium.complaints()
    chromium.requested()
    chromium.open(f"{site}/admin/perf/")
    yield Look(chromium, f"{width}-{scheme}", scheme)


@pytest.mark.parametrize("page", WAYS)
def test_every_page_is_reached_by_clicks_and_shows_itself_whole(
    look: Look, page: str, site: str, pictures: Path
) -> None:
    look.go(page)
    look.browser.photograph(pictures / f"{page}-{look.name}.png")

    path = urlsplit(look.browser.url).path
    assert re.fullmatch(PATHS.get(page, f"/admin/perf/{page}/"), path)
    assert len(look.browser.texts("#content h1")) == 1
    assert look.browser.run(TOO_WIDE) == []
    assert look.browser.complaints() == []
    elsewhere = {
        url
        for url in look.browser.requested()
        if urlsplit(url).scheme != "data" and not url.startswith(f"{site}/")
    }
    assert elsewhere == set()


def test_the_admins_index_leads_there_and_a_column_sorts_by_a_click(look: Look, site: str) -> None:
    look.browser.open(f"{site}/admin/")
    look.browser.click(".app-perf caption a")
    look.go("tables")

    for direction in ("ascending", "descending"):
        look.browser.click(".perf-listing thead a")
        found = look.browser.run("return document.querySelector('th[aria-sort]').ariaSort")
        assert found == direction
    assert look.browser.complaints() == []


def test_light_and_dark_are_those_of_the_admin(look: Look) -> None:
    colour = look.browser.run("return getComputedStyle(document.body).backgroundColor")

    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}[look.scheme]


def test_the_page_may_load_nothing_from_elsewhere(look: Look) -> None:
    look.browser.run(
        "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/picture'}))"
    )

    [refused] = look.browser.complaints()
    assert "Content Security Policy" in refused
