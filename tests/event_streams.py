"""A server of event streams in a process of its own, and clients that read them."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.serving import PATIENCE_S, Server, environment_of_worker


@dataclass(frozen=True)
class Event:
    """One block of a stream.

    Attributes:
        fields: By name; a comment is the field of an empty name.
    """

    fields: dict[str, str]

    @property
    def kind(self) -> str:
        return self.fields.get("event", "")

    @property
    def id(self) -> str:
        return self.fields["id"]

    @property
    def data(self) -> Any:
        return json.loads(self.fields["data"])


class EventStream:
    """An open stream, read as it comes; `with` closes it.

    Attributes:
        last_id: What the client sends when it connects again.
    """

    def __init__(
        self, connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
    ) -> None:
        self.last_id = ""
        self._connection = connection
        self._connection.request("GET", path, headers={"Host": "localhost"} | headers)
        self.response = self._connection.getresponse()
        self.status = self.response.status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def read(self) -> Event | None:
        """Return the next block; None at the end of the stream."""
        lines: list[str] = []
        while line := self.response.readline().decode():
            if line == "\n":
                fields = dict(re.fullmatch(r"(\w*): (.*)", each).groups() for each in lines)  # type: ignore[union-attr, misc]
                self.last_id = fields.get("id", self.last_id)
                return Event(fields)
            lines.append(line[:-1])
        return None

    def read_events(self, count: int) -> list[Event]:
        """Return the next events, without comments and other blocks; fewer if the stream ends."""
        events: list[Event] = []
        while len(events) < count and (event := self.read()) is not None:
            events += [event] if event.kind else []
        return events

    def wait_for_end(self) -> list[Event]:
        """Return the events until the stream ends."""
        return self.read_events(1_000_000)


class EventServer(Server):
    """A running server of event streams on this test worker's database."""

    def __init__(self, log: Path, *, drain_s: float = 0, **more: str) -> None:
        super().__init__(
            environment_of_worker(**more),
            log,
            threads=1,
            drain_s=drain_s,
            application="morpheus.asgi:application",
            ready_path="/readyz",
            connections=2048,
        )

    def open(self, path: str, secret: str = "", **headers: str) -> EventStream:
        """Return a stream below `/api/v1`, opened with a token."""
        token = {"Authorization": f"Bearer {secret}"} if secret else {}
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        return EventStream(connection, f"/api/v1{path}", token | headers)

    def read_status(self, path: str, secret: str = "", **headers: str) -> int:
        """Return the status of a request for a stream, and close it."""
        with self.open(path, secret, **headers) as stream:
            return stream.status
