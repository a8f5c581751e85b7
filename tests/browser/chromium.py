"""A real Chromium, driven by chromedriver over the WebDriver protocol: HTTP and JSON."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PATIENCE_S, wait_until

# The key under which WebDriver says which element is meant.
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.fail(f"There is no {names[0]}: apt-get install chromium chromium-driver.", pytrace=False)


class Chromium:
    """One browser with one window, and everything that it logged and asked for."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            [_program("chromedriver"), f"--port={self._port}", "--log-level=SEVERE"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._session = ""
        try:
            wait_until(self._is_ready)
            self._session = self._send("POST", "/session", self._capabilities())["sessionId"]
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._session:
            self._send("DELETE", f"/session/{self._session}")
        self._driver.terminate()
        self._driver.wait(PATIENCE_S)
        self._profile.cleanup()

    def show_as(self, *, width: int, scheme: str) -> None:
        """Let the window be so wide, and the visitor prefer "light" or "dark"."""
        self._cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 768,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._cdp("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        self._ask("POST", "/url", url=url)

    @property
    def url(self) -> str:
        return str(self._ask("GET", "/url"))

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector; returns when the page it leads to is there."""
        self._ask("POST", f"/element/{self._find(selector)}/click")

    def click_text(self, text: str) -> None:
        """Click the link that says exactly this."""
        found = self._ask("POST", "/element", using="link text", value=text)
        self._ask("POST", f"/element/{found[_ELEMENT]}/click")

    def type(self, selector: str, text: str) -> None:
        self._ask("POST", f"/element/{self._find(selector)}/value", text=text)

    def run(self, script: str) -> Any:
        """Return what the body of a function of JavaScript returns."""
        return self._ask("POST", "/execute/sync", script=script, args=[])

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            f"return [...document.querySelectorAll({json.dumps(selector)})]"
            ".map(element => element.innerText)"
        )
        return found

    def photograph(self, file: Path) -> None:
        """Keep a picture of the whole page, as long as it is."""
        file.parent.mkdir(parents=True, exist_ok=True)
        answer = self._cdp("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def complaints(self) -> list[str]:
        """Return what the console was told since this was asked last: errors and warnings."""
        logged = self._ask("POST", "/se/log", type="browser")
        return [entry["message"] for entry in logged if entry["level"] in ("SEVERE", "WARNING")]

    def requested(self) -> list[str]:
        """Return the addresses that were asked for since this was asked last."""
        logged = self._ask("POST", "/se/log", type="performance")
        messages = [json.loads(entry["message"])["message"] for entry in logged]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def _find(self, selector: str) -> str:
        found = self._ask("POST", "/element", using="css selector", value=selector)
        return str(found[_ELEMENT])

    def _cdp(self, command: str, **parameters: Any) -> Any:
        return self._ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        return self._send(method, f"/session/{self._session}{path}", body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            data = None if method == "GET" else json.dumps(body or {})
            connection.request(method, path, data)
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
            assert response.status == 200, value
            return value
        finally:
            connection.close()

    def _is_ready(self) -> bool:
        try:
            return bool(self._send("GET", "/status")["ready"])
        except ConnectionError:
            return False

    def _capabilities(self) -> dict[str, Any]:
        arguments = [
            "--headless=new",
            f"--user-data-dir={self._profile.name}",
            "--hide-scrollbars",
            "--disable-gpu",
            # Nothing of its own that would look like a request of ours.
            *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
            # Containers are short of /dev/shm.
            "--disable-dev-shm-usage",
            # Chromium's sandbox refuses root.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
        ]
        options = {"binary": _program("chromium", "chromium-browser"), "args": arguments}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        return {"capabilities": {"alwaysMatch": wanted}}
