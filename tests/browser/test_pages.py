"""The admin and the API's documentation under their Content-Security-Policy."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser.chromium import Chromium
from tests.serving import wait_until

# Pages that load scripts of their own: lists with filters and actions, forms with autocompletion,
# inline rows, prepopulated and date fields, two-column choices.
ADMIN = [
    "/admin/",
    "/admin/novels/novel/",
    "/admin/novels/novel/1/change/",
    "/admin/novels/novel/1/delete/",
    "/admin/novels/novel/1/history/",
    "/admin/novels/genre/add/",
    "/admin/novels/chapter/1/change/",
    "/admin/users/user/",
    "/admin/users/user/add/",
    "/admin/users/user/1/change/",
    "/admin/auth/group/add/",
    "/admin/comics/comic/1/change/",
    "/admin/password_change/",
    "/admin/no/such/page/",
]


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    """The operator's browser, with nothing in its logs."""
    chromium.show_as(width=1280, scheme="light")
    chromium.complaints()
    chromium.requested()
    return chromium


def assert_all_from(site: str, browser: Chromium) -> None:
    requested = [url for url in browser.requested() if urlsplit(url).scheme != "data"]
    assert requested
    assert [url for url in requested if not url.startswith(f"{site}/")] == []


@pytest.mark.parametrize("path", ADMIN)
def test_the_admins_pages_need_nothing_that_the_policy_refuses(
    browser: Chromium, site: str, path: str
) -> None:
    browser.open(f"{site}{path}")

    assert browser.texts("h1, h2")
    complaints = [line for line in browser.complaints() if "404 (Not Found)" not in line]
    assert complaints == []
    assert_all_from(site, browser)


def test_autocompletion_and_saving_work_in_the_admin(browser: Chromium, site: str) -> None:
    browser.open(f"{site}/admin/novels/novel/1/change/")
    browser.click(".field-genre .select2-selection")
    wait_until(lambda: browser.texts(".select2-results__option--highlighted"))
    browser.click(".select2-results__option--highlighted")
    assert browser.run("return document.querySelector('#id_genre').value")

    browser.click("input[name=_save]")

    assert "changed successfully" in browser.texts(".messagelist .success")[0]
    assert browser.complaints() == []


def test_the_documentation_sends_a_request_and_shows_its_response(
    browser: Chromium, site: str
) -> None:
    operation = "#operations-novels-novels_list"
    browser.open(f"{site}/api/v1/docs/")
    wait_until(lambda: browser.texts(operation))
    browser.click(f"{operation} .opblock-summary-control")
    wait_until(lambda: browser.texts(f"{operation} .try-out__btn"))
    browser.click(f"{operation} .try-out__btn")
    wait_until(lambda: browser.texts(f"{operation} .execute"))
    browser.click(f"{operation} .execute")

    wait_until(lambda: browser.texts(f"{operation} .live-responses-table .response-col_status"))
    assert "200" in browser.texts(f"{operation} .live-responses-table")[0]
    assert browser.complaints() == []
    assert any(url.startswith(f"{site}/api/v1/novels/") for url in browser.requested())


def test_no_script_that_is_written_into_a_page_runs(browser: Chromium, site: str) -> None:
    for path in ("/admin/", "/api/v1/docs/"):
        browser.open(f"{site}{path}")
        browser.complaints()
        browser.run(
            "document.body.append(Object.assign(document.createElement('script'),"
            " {textContent: 'window.written = true'}))"
        )

        assert browser.run("return window.written") is None
        [refused] = browser.complaints()
        assert "Content Security Policy" in refused
