"""The admin and the API's documentation under their Content-Security-Policy."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser.browser import Browser
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


# Whether the table of a list has to be scrolled.
TOO_WIDE = """
const results = document.querySelector(".results");
return results !== null && results.scrollWidth > results.clientWidth;
"""


@pytest.fixture
def browser(logged_in_browser: Browser) -> Browser:
    """The operator's browser with empty logs."""
    logged_in_browser.emulate(width=1280, scheme="light")
    logged_in_browser.read_console()
    logged_in_browser.read_requests()
    return logged_in_browser


def assert_requests_stay_on(site: str, browser: Browser) -> None:
    urls = [url for url in browser.read_requests() if urlsplit(url).scheme != "data"]
    assert urls
    assert [url for url in urls if not url.startswith(f"{site}/")] == []


@pytest.mark.parametrize("path", ADMIN)
def test_the_policy_allows_all_that_the_admin_needs(browser: Browser, site: str, path: str) -> None:
    browser.get(f"{site}{path}")

    assert browser.texts("h1, h2")
    errors = [line for line in browser.read_console() if "404 (Not Found)" not in line]
    assert errors == []
    assert_requests_stay_on(site, browser)


def test_every_list_of_the_admin_fits_a_common_window(browser: Browser, site: str) -> None:
    browser.emulate(width=1440, scheme="light")
    browser.get(f"{site}/admin/")
    lists = browser.execute_script(
        "return [...document.querySelectorAll('#content-main th a')].map(link => link.href)"
    )
    assert f"{site}/admin/novels/novel/" in lists

    too_wide = []
    for url in lists:
        browser.get(url)
        if browser.execute_script(TOO_WIDE):
            too_wide.append(url)

    assert too_wide == []


def test_autocompletion_and_saving_work_in_the_admin(browser: Browser, site: str) -> None:
    browser.get(f"{site}/admin/novels/novel/1/change/")
    browser.click(".field-genre .select2-selection")
    wait_until(lambda: browser.has(".select2-results__option--highlighted"))
    browser.click(".select2-results__option--highlighted")
    assert browser.execute_script("return document.querySelector('#id_genre').value")

    with browser.new_page():
        browser.click("input[name=_save]")

    assert "changed successfully" in browser.texts(".messagelist .success")[0]
    assert browser.read_console() == []


def test_the_documentation_sends_a_request_and_shows_its_response(
    browser: Browser, site: str
) -> None:
    operation = "#operations-novels-novels_list"
    browser.get(f"{site}/api/v1/docs/")
    wait_until(lambda: browser.has(operation))
    browser.click(f"{operation} .opblock-summary-control")
    wait_until(lambda: browser.has(f"{operation} .try-out__btn"))
    browser.click(f"{operation} .try-out__btn")
    wait_until(lambda: browser.has(f"{operation} .execute"))
    browser.click(f"{operation} .execute")

    wait_until(lambda: browser.has(f"{operation} .live-responses-table .response-col_status"))
    assert "200" in browser.texts(f"{operation} .live-responses-table")[0]
    assert browser.read_console() == []
    assert any(url.startswith(f"{site}/api/v1/novels/") for url in browser.read_requests())


def test_the_documentation_shows_no_markdown(browser: Browser, site: str) -> None:
    browser.get(f"{site}/api/v1/docs/")
    wait_until(lambda: browser.has(".opblock-summary-control"))
    operations = browser.execute_script(
        "const closed = [...document.querySelectorAll("
        "'.opblock-summary-control[aria-expanded=false]')];"
        "closed.slice(0, 8).forEach(operation => operation.click());"
        "return Math.min(closed.length, 8)"
    )
    # A few: all that are open at once keep a browser busy for minutes.
    count = "return document.querySelectorAll('.responses-wrapper').length"
    wait_until(lambda: browser.execute_script(count) == operations, patience_s=120)

    # Swagger UI shows the headers' descriptions as they are.
    texts = browser.texts(".opblock-summary, .opblock-description")
    assert len(texts) > operations and "`" not in "".join(texts)


def test_a_page_that_the_browser_revalidates_keeps_its_policy(browser: Browser, site: str) -> None:
    """The second response is a 304, whose headers the browser takes over."""
    for _ in range(2):
        browser.get(f"{site}/api/v1/docs/")
        wait_until(lambda: browser.has(".opblock-summary-control"))

    assert browser.read_console() == []


def test_data_that_is_shown_as_a_page_loads_nothing(browser: Browser, site: str) -> None:
    for path in ("/api/v1/novels/", "/api/v1/novels/999999/", "/healthz"):
        browser.get(f"{site}{path}")
        browser.read_console()
        browser.execute_script(
            "document.body.append(Object.assign(new Image(), {src: '/favicon.ico'}))"
        )

        [error] = browser.read_console()
        assert "Content Security Policy" in error


def test_injected_scripts_do_not_run(browser: Browser, site: str) -> None:
    for path in ("/admin/", "/api/v1/docs/"):
        browser.get(f"{site}{path}")
        browser.read_console()
        browser.execute_script(
            "document.body.append(Object.assign(document.createElement('script'),"
            " {textContent: 'window.written = true'}))"
        )

        assert browser.execute_script("return window.written") is None
        [error] = browser.read_console()
        assert "Content Security Policy" in error
