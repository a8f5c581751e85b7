"""Clients that send requests through a proxy until they are stopped."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing
from http.cookies import SimpleCookie
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from .nginx import TLSProxy

JSON = {"Content-Type": "application/json"}
OWN_PAGES = ("/users/me/", "/users/me/dashboard/", "/comics/?owner=me", "/novels/?owner=me")


class Load:
    """A writer with a token, a walker along cursors, and a browser that sends two requests at once.

    They send no request twice. Every response but the expected one is a failure.

    Attributes:
        served: Number of successful requests.
        failures: What happened to the others.
        titles: Of the comics that were created.
    """

    def __init__(self, proxy: TLSProxy, name: str, email: str, password: str) -> None:
        self._proxy, self._name = proxy, name
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self.served = 0
        self.failures: list[str] = []
        self.titles: list[str] = []
        login = {"email": email, "password": password}
        with closing(proxy.connect()) as connection:
            token = self._send(connection, "POST", "/auth/token/", login)["token"]
            self._token = {"Authorization": f"Bearer {token}"}
            self._session: dict[str, str] = {}
            self._send(connection, "POST", "/auth/login/", login, headers=self._session)
        clients = (self._write, self._walk, self._browse, self._browse)
        self._threads = [threading.Thread(target=each) for each in clients]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join()

    def _write(self) -> None:
        with closing(self._proxy.connect()) as connection:
            for number in count():
                title = f"{self._name} {number}"
                comic = self._send(
                    connection,
                    "POST",
                    "/comics/",
                    {"title": title},
                    headers=self._token,
                    status=201,
                )
                if comic is not None:
                    self.titles.append(title)
                    self._publish(connection, f"/comics/{comic['id']}/")
                if self._is_over.is_set():
                    return

    def _publish(self, connection: http.client.HTTPConnection, path: str) -> None:
        """Change a comic, and read it: the reader may get another instance than the writer."""
        self._send(connection, "PATCH", path, {"visibility": "public"}, headers=self._token)
        comic = self._send(connection, "GET", path)
        if comic is not None and comic["visibility"] != "public":
            self.failures.append(f"A stale read: {comic}")

    def _walk(self) -> None:
        first = path = "/novels/?page_size=5"
        with closing(self._proxy.connect()) as connection:
            while not self._is_over.is_set():
                page = self._send(connection, "GET", path) or {"next": None}
                url = urlsplit(page["next"] or "")
                path = f"{url.path.removeprefix('/api/v1')}?{url.query}" if url.path else first

    def _browse(self) -> None:
        with closing(self._proxy.connect()) as connection:
            for number in count():
                path = OWN_PAGES[number % len(OWN_PAGES)]
                self._send(connection, "GET", path, headers=self._session)
                if self._is_over.is_set():
                    return

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        *,
        headers: dict[str, str] | None = None,
        status: int = 200,
    ) -> Any:
        """Return the body of the response, None after a failure; keep a new session cookie."""
        try:
            content = None if body is None else json.dumps(body)
            sent = {"Host": "localhost", **JSON, **(headers or {})}
            connection.request(method, f"/api/v1{path}", content, sent)
            response = connection.getresponse()
            text = response.read()
            for cookie in response.headers.get_all("Set-Cookie", []):
                if new := SimpleCookie(cookie).get("sessionid"):
                    self._session["Cookie"] = f"sessionid={new.value}"
            assert response.status == status, f"{response.status} {text[:200]!r}"
        except Exception as error:
            self.failures.append(f"{self._name}: {method} {path}: {error!r}")
            connection.close()
            return None
        with self._lock:
            self.served += 1
        return json.loads(text)
