"""A real Chromium, driven by selenium and the system's chromedriver."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

from tests.serving import wait_until

IS_NEW_PAGE = "return !window.isOldPage && document.readyState === 'complete'"


def _find_program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"There is no {names[0]}: apt-get install chromium chromium-driver.", pytrace=False)


class Browser(Chrome):
    """One browser with one window, its console and its network log."""

    def __init__(self) -> None:
        options = ChromeOptions()
        options.binary_location = _find_program("chromium", "chromium-browser")
        for argument in (
            *("--headless=new", "--hide-scrollbars", "--disable-gpu"),
            # Requests of the browser itself would look like requests of a page.
            *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
            # Containers have a small /dev/shm.
            "--disable-dev-shm-usage",
            # Chromium's sandbox refuses root.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # With a path, selenium never downloads a driver.
        service = ChromeService(executable_path=_find_program("chromedriver"))
        super().__init__(options=options, service=service)

    def emulate(self, *, width: int, scheme: str) -> None:
        """Set the window's width and the preferred colour scheme, "light" or "dark"."""
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 768}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector."""
        self.find_element(By.CSS_SELECTOR, selector).click()

    def click_link(self, text: str) -> None:
        """Click the link with exactly this text."""
        self.find_element(By.LINK_TEXT, text).click()

    @contextmanager
    def new_page(self) -> Iterator[None]:
        """Wait after the block until its click has loaded another page.

        A click returns at once where the browser has not begun to leave the page yet.
        """
        self.execute_script("window.isOldPage = true")
        yield
        wait_until(lambda: bool(self.execute_script(IS_NEW_PAGE)))

    def type(self, selector: str, text: str) -> None:
        self.find_element(By.CSS_SELECTOR, selector).send_keys(text)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements of a CSS selector, at one moment."""
        texts: list[str] = self.execute_script(
            f"return [...document.querySelectorAll({json.dumps(selector)})]"
            ".map(element => element.innerText)"
        )
        return texts

    def has(self, selector: str) -> bool:
        """Return whether an element of the CSS selector has text."""
        return any(self.texts(selector))

    def save_picture(self, file: Path) -> None:
        """Save a picture of the whole page."""
        file.parent.mkdir(parents=True, exist_ok=True)
        page = self.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        file.write_bytes(base64.b64decode(page["data"]))

    def read_console(self) -> list[str]:
        """Return the errors and warnings since the last call."""
        entries = self.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def read_requests(self) -> list[str]:
        """Return the URLs requested since the last call."""
        entries = self.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
