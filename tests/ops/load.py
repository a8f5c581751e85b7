"""Clients that send requests through a proxy until they are stopped."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import count, cycle
from typing import Any

from .nginx import TLSProxy

# Of the database and of the response cache, public and the caller's own.
READS = ("/novels/?page_size=5", "/users/me/dashboard/", "/comics/", "/users/me/", "/search/?q=the")


class Load:
    """Readers and one writer of one proxy, each with a connection of its own.

    They send no request twice. Every response but the expected one is a failure.

    Attributes:
        served: Number of successful requests.
        failures: What happened to the others.
        titles: Of the comics that were created.
    """

    def __init__(self, proxy: TLSProxy, name: str, token: str, readers: int = 3) -> None:
        self._proxy, self._name = proxy, name
        self._headers = {"Host": "localhost", "Authorization": f"Bearer {token}"}
        self._headers["Content-Type"] = "application/json"
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self.served = 0
        self.failures: list[str] = []
        self.titles: list[str] = []
        clients: list[Callable[[http.client.HTTPConnection], None]]
        clients = [self._write, *[self._read] * readers]
        self._threads = [threading.Thread(target=self._run, args=[each]) for each in clients]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join()

    def _run(self, client: Callable[[http.client.HTTPConnection], None]) -> None:
        with closing(self._proxy.connect()) as connection:
            client(connection)

    def _read(self, connection: http.client.HTTPConnection) -> None:
        for path in cycle(READS):
            if self._is_over.is_set():
                return
            self._send(connection, "GET", path)

    def _write(self, connection: http.client.HTTPConnection) -> None:
        for number in count():
            if self._is_over.is_set():
                return
            title = f"{self._name} {number}"
            comic = self._send(connection, "POST", "/comics/", {"title": title}, status=201)
            if comic is None:
                continue
            self.titles.append(title)
            path = f"/comics/{comic['id']}/"
            self._send(connection, "PATCH", path, {"visibility": "public"})
            seen = self._send(connection, "GET", path)
            if seen is not None and seen["visibility"] != "public":
                self.failures.append(f"A stale read: {seen}")

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        *,
        status: int = 200,
    ) -> Any:
        """Return the body of the response, None after a failure."""
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", content, self._headers)
            response = connection.getresponse()
            text = response.read()
            assert response.status == status, f"{response.status} {text[:200]!r}"
        except Exception as error:
            self.failures.append(
                f"{datetime.now():%H:%M:%S.%f} {self._name} {method} {path}: {error!r}"
            )
            connection.close()
            return None
        with self._lock:
            self.served += 1
        return json.loads(text)
