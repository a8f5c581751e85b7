"""The performance dashboard in a browser: wide and narrow, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.browser import Browser

LOOKS = [(width, scheme) for width in (1280, 360) for scheme in ("light", "dark")]
# The clicks that lead from the overview to each page.
CLICKS = {
    "overview": [],
    "history": ["History"],
    "routes": ["Routes"],
    "route": ["Routes", "GET /novels/"],
    "queries": ["Queries"],
    "query": ["Queries", ".perf-table tbody td.code a"],
    "slow": ["Slow queries"],
    "slow_query": ["Slow queries", ".perf-table tbody td.code a"],
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
# Elements that are wider than the window, except those that scroll by themselves.
TOO_WIDE = """
const wide = [...document.querySelectorAll("#container *")].filter(element =>
    !element.closest(".perf-scroll, #nav-sidebar, svg") &&
    element.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
return wide.slice(0, 5).map(element => element.outerHTML.slice(0, 200));
"""


@dataclass
class Look:
    """A browser with one width and one colour scheme."""

    browser: Browser
    name: str
    scheme: str

    def go(self, page: str) -> None:
        """Click from the current page to another one."""
        for target in CLICKS[page]:
            is_selector = target.startswith(".")
            with self.browser.new_page():
                (self.browser.click if is_selector else self.browser.click_link)(target)


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request: pytest.FixtureRequest, logged_in_browser: Browser, site: str) -> Iterator[Look]:
    """The operator's browser on the overview."""
    width, scheme = request.param
    browser = logged_in_browser
    browser.emulate(width=width, scheme=scheme)
    browser.read_console()
    browser.read_requests()
    browser.get(f"{site}/admin/perf/")
    yield Look(browser, f"{width}-{scheme}", scheme)


@pytest.mark.parametrize("page", CLICKS)
def test_every_page_is_reached_by_clicks_and_fits_the_window(
    look: Look, page: str, site: str, pictures: Path
) -> None:
    look.go(page)
    look.browser.save_picture(pictures / f"{page}-{look.name}.png")

    path = urlsplit(look.browser.current_url).path
    assert re.fullmatch(PATHS.get(page, f"/admin/perf/{page}/"), path)
    assert len(look.browser.texts("#content h1")) == 1
    assert look.browser.execute_script(TOO_WIDE) == []
    assert look.browser.read_console() == []
    other_sites = {
        url
        for url in look.browser.read_requests()
        if urlsplit(url).scheme != "data" and not url.startswith(f"{site}/")
    }
    assert other_sites == set()


def test_the_admin_links_to_the_dashboard_and_a_click_sorts_a_column(look: Look, site: str) -> None:
    look.browser.get(f"{site}/admin/")
    with look.browser.new_page():
        look.browser.click(".app-perf caption a")
    look.go("tables")

    for direction in ("ascending", "descending"):
        with look.browser.new_page():
            look.browser.click(".perf-table thead a")
        sorted_by = look.browser.execute_script(
            "return document.querySelector('th[aria-sort]').ariaSort"
        )
        assert sorted_by == direction
    assert look.browser.read_console() == []


def test_colour_schemes_are_those_of_the_admin(look: Look) -> None:
    colour = look.browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}[look.scheme]


def test_the_page_cannot_load_from_other_sites(look: Look) -> None:
    look.browser.execute_script(
        "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/picture'}))"
    )

    [error] = look.browser.read_console()
    assert "Content Security Policy" in error
