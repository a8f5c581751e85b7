"""The users of Morpheus and what they do, with the time that they take to look at it."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

from gevent import sleep
from locust import FastHttpUser, between, task

from perf.lab.example_catalogue import example
from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import RETRY_FOR_S, is_refusal
from perf.seeding.chance import Skewed

WORDS = ("river", "letter", "the old house", "night", "captain", "nothing")
GENRES = ("fantasy", "horror", "romance", "mystery")
ORDERINGS = ("-created_at", "title", "-word_count")
# Ends the name of requests that the server refused and that were sent again.
REFUSED = " (refused, sent again)"
# Users read only the newest rows.
NEWEST = 500


class Ranked:
    """Ids by popularity: the second one is drawn half as often as the first, and so on (Zipf)."""

    def __init__(self, ids: list[int]) -> None:
        if not ids:
            raise LookupError("There is nothing to read: seed the database first.")
        self.ids = ids
        self._ranks = Skewed(len(ids), exponent=1.0)

    def draw(self) -> int:
        """Return one of the ids."""
        return self.ids[self._ranks.rank(random.random)]


class Catalogue:
    """Public novels and comics of the server at `url`, read page by page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.novels = Ranked([*_read_ids(url, "GET /novels/")])
        self.comics = Ranked([*_read_ids(url, "GET /comics/")])


def _read_ids(url: str, route: str) -> Iterator[int]:
    page_url = url + example(route).build({}, query={"page_size": 100}).path
    for _ in range(NEWEST // 100):
        with urlopen(page_url) as response:  # noqa: S310 - a server that the caller chose
            page = json.load(response)
        yield from (row["id"] for row in page["results"])
        if page["next"] is None:
            return
        page_url = page["next"]


class Visitor(FastHttpUser):
    """The common part of all users. Requests are named as in perf/budgets.toml.

    Attributes:
        headers: Credentials.
    """

    abstract = True
    wait_time = between(1, 3)
    network_timeout = 30.0
    connection_timeout = 10.0
    # Read once for all users, before the first of them begins.
    catalogue: ClassVar[Catalogue]
    headers: ClassVar[dict[str, str]] = {}

    def on_start(self) -> None:
        # Locust begins all users of a second at once; people do not come in step.
        sleep(random.uniform(0, 2))  # noqa: S311

    def send(
        self,
        route: str,
        values: dict[str, object] | None = None,
        *,
        expected: tuple[int, ...] = (200, 201, 204),
        **parts: Any,
    ) -> Any:
        """Send the example of a route; return the response.

        Args:
            parts: As in `ExampleRequest.build`.
        """
        request = example(route).build(values or {}, headers=self.headers, **parts)
        return self._send(route, request, expected)

    def _send(self, route: str, request: HttpRequest, expected: tuple[int, ...]) -> Any:
        """Send a request, and again after `Retry-After` while the server refuses it."""
        give_up_at = time.monotonic() + RETRY_FOR_S
        while True:
            with self.client.request(
                request.method,
                request.path,
                name=route,
                headers=request.headers,
                data=request.body or None,  # type: ignore[arg-type] # bytes are sent as they are
                catch_response=True,
            ) as response:
                headers = response.headers or {}  # None after an error of the connection.
                retry_after = headers.get("Retry-After", "")
                is_refused = is_refusal(
                    response.status_code, retry_after, headers.get("Server-Timing", "")
                )
                if not is_refused or time.monotonic() > give_up_at:
                    if response.status_code in expected:
                        response.success()
                    else:
                        response.failure(
                            response.error or f"{response.status_code}: {response.text}"
                        )
                    return response
                response.request_meta["name"] = route + REFUSED
                response.success()
            sleep(float(retry_after) * random.uniform(0.5, 1.5))  # noqa: S311

    def read_pages(self, route: str, **query: str) -> None:
        """Read one page of a list, and at times some more."""
        response = self.send(route, query=query)
        while response.status_code == 200 and random.random() < 0.35:  # noqa: S311
            following = response.json()["next"]
            if following is None:
                return
            target = urlsplit(following)
            request = HttpRequest("GET", f"{target.path}?{target.query}", self.headers)
            response = self._send(route, request, (200,))

    def open_novel(self) -> None:
        """Look at a novel and its chapters, and read one."""
        values: dict[str, object] = {"novel_id": self.catalogue.novels.draw()}
        self.send("GET /novels/{novel_id}/", values)
        response = self.send("GET /novels/{novel_id}/chapters/", values)
        if response.status_code == 200 and (chapters := response.json()["results"]):
            number = random.choice(chapters)["number"]  # noqa: S311
            self.send("GET /novels/{novel_id}/chapters/{number}/", values | {"number": number})

    def open_comic(self) -> None:
        """Look at a comic and its panels."""
        values: dict[str, object] = {"comic_id": self.catalogue.comics.draw()}
        self.send("GET /comics/{comic_id}/", values)
        self.send("GET /comics/{comic_id}/panels/", values)
        # A comic without panels has no thumbnail.
        self.send("GET /comics/{comic_id}/thumbnail/", values, expected=(200, 404))


class Browser(Visitor):
    """Reads public novels and comics."""

    abstract = True

    @task(6)
    def browse_novels(self) -> None:
        self.read_pages("GET /novels/", ordering=random.choice(ORDERINGS))  # noqa: S311

    @task(3)
    def browse_genre(self) -> None:
        self.read_pages("GET /novels/", genre=random.choice(GENRES))  # noqa: S311

    @task(10)
    def read_novel(self) -> None:
        self.open_novel()

    @task(3)
    def browse_comics(self) -> None:
        self.read_pages("GET /comics/")

    @task(6)
    def read_comic(self) -> None:
        self.open_comic()

    @task(2)
    def search(self) -> None:
        self.send("GET /search/", query={"q": random.choice(WORDS)})  # noqa: S311


class Stranger(Browser):
    """Reads without logging in."""

    weight = 17


class Member(Visitor):
    """Has an account that was created before the run.

    Attributes:
        kind: The credential, a key of `LOAD_LOGINS`.
    """

    abstract = True
    kind = "token"

    def on_start(self) -> None:
        super().on_start()
        # Already logged in: hashing a password takes a core some tenths of a second.
        self.headers = random.choice(json.loads(os.environ["LOAD_LOGINS"])[self.kind])  # type: ignore[misc] # noqa: S311


class Reader(Member, Browser):
    """Reads as a stranger does, but logged in by a token, and looks at own novels."""

    weight = 9

    @task(4)
    def open_dashboard(self) -> None:
        self.send("GET /users/me/dashboard/")

    @task(2)
    def browse_own_novels(self) -> None:
        self.read_pages("GET /novels/", owner="me")

    @task(1)
    def open_profile(self) -> None:
        self.send("GET /users/me/")


class SessionReader(Reader):
    """A reader in a browser, logged in by a session's cookie."""

    weight = 8
    kind = "session"


class Author(Member):
    """Uploads a novel, polls its status until it is parsed, publishes and deletes it."""

    weight = 4

    @task
    def publish(self) -> None:
        # The same file twice would be a conflict.
        text = f"CHAPTER 1\n\n{uuid4().hex} " + "Once upon a time. " * 400
        response = self.send("POST /novels/", body={}, upload=text.encode())
        if response.status_code != 201:
            return
        values = {"novel_id": response.json()["id"]}
        for _ in range(20):
            response = self.send("GET /novels/{novel_id}/status/", values)
            if response.status_code != 200 or response.json()["state"] in ("completed", "failed"):
                break
            sleep(random.uniform(0.3, 0.8))  # noqa: S311
        body = {"title": f"Load {uuid4().hex[:8]}", "visibility": "public"}
        self.send("PATCH /novels/{novel_id}/", values, body=body)
        self.send("GET /novels/{novel_id}/", values)
        self.send("DELETE /novels/{novel_id}/", values)


class Operator(Visitor):
    """Checks health and metrics."""

    weight = 2
    wait_time = between(3, 6)

    @task
    def check_health(self) -> None:
        for path in ("/readyz", "/metrics"):
            self._send(f"GET {path}", HttpRequest("GET", path), (200,))
