"""Who uses Morpheus, and what they do, with the time that they take to look at it."""

from __future__ import annotations

import os
import random
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from gevent import sleep
from locust import FastHttpUser, between, task

from perf.lab.load.catalogue import API, Catalogue

WORDS = ("river", "letter", "the old house", "night", "captain", "nothing")
GENRES = ("fantasy", "horror", "romance", "mystery")
ORDERINGS = ("-created_at", "title", "-word_count")


class Visitor(FastHttpUser):
    """What all of them share. Requests are named as in perf/budgets.toml."""

    abstract = True
    wait_time = between(1, 3)
    network_timeout = 30.0
    connection_timeout = 10.0
    # Read once for all, before the first of them begins.
    catalogue: ClassVar[Catalogue]

    def on_start(self) -> None:
        # Locust begins all users of a second at once; people do not come in step.
        sleep(random.uniform(0, 2))  # noqa: S311

    def read(self, route: str, path: str, **options: Any) -> Any:
        """GET a path of the API."""
        return self.client.get(f"{API}{path}", name=f"GET {route}", **options)

    def walk(self, route: str, path: str) -> None:
        """Read a list as most do: one page, now and then some more."""
        answer = self.read(route, path)
        while answer.status_code == 200 and random.random() < 0.35:  # noqa: S311
            following = answer.json()["next"]
            if following is None:
                return
            target = urlsplit(following)
            answer = self.read(route, f"{target.path.removeprefix(API)}?{target.query}")

    def open_novel(self) -> None:
        """Look at a novel, its chapters, and read one."""
        pk = self.catalogue.novels.draw()
        self.read("/novels/{novel_id}/", f"/novels/{pk}/")
        answer = self.read("/novels/{novel_id}/chapters/", f"/novels/{pk}/chapters/")
        if answer.status_code == 200 and (chapters := answer.json()["results"]):
            number = random.choice(chapters)["number"]  # noqa: S311
            route = "/novels/{novel_id}/chapters/{number}/"
            self.read(route, f"/novels/{pk}/chapters/{number}/")

    def open_comic(self) -> None:
        """Look at a comic and its panels."""
        pk = self.catalogue.comics.draw()
        self.read("/comics/{comic_id}/", f"/comics/{pk}/")
        self.read("/comics/{comic_id}/panels/", f"/comics/{pk}/panels/")
        with self.client.get(
            f"{API}/comics/{pk}/thumbnail/",
            name="GET /comics/{comic_id}/thumbnail/",
            catch_response=True,
        ) as answer:
            if answer.status_code == 404:  # A comic without panels has none.
                answer.success()


class Stranger(Visitor):
    """Reads without logging in."""

    weight = 12

    @task(6)
    def browse_novels(self) -> None:
        self.walk("/novels/", f"/novels/?ordering={random.choice(ORDERINGS)}")  # noqa: S311

    @task(3)
    def browse_a_genre(self) -> None:
        self.walk("/novels/", f"/novels/?genre={random.choice(GENRES)}")  # noqa: S311

    @task(10)
    def read_a_novel(self) -> None:
        self.open_novel()

    @task(3)
    def browse_comics(self) -> None:
        self.walk("/comics/", "/comics/")

    @task(6)
    def read_a_comic(self) -> None:
        self.open_comic()

    @task(2)
    def search(self) -> None:
        self.read("/search/", f"/search/?q={random.choice(WORDS)}")  # noqa: S311


class Member(Visitor):
    """Has an account, made before the run.

    Attributes:
        login: Headers that say who asks.
    """

    abstract = True
    login: dict[str, str]

    def on_start(self) -> None:
        super().on_start()
        # Logged in before: hashing a password takes a core some tenths of a second.
        secret = random.choice(os.environ["LOAD_TOKENS"].split())  # noqa: S311
        self.login = {"Authorization": f"Bearer {secret}"}

    def read(self, route: str, path: str, **options: Any) -> Any:
        return super().read(route, path, headers=self.login, **options)


class Reader(Member):
    """Reads as themselves, and looks at what is their own."""

    weight = 5

    @task(4)
    def look_at_the_dashboard(self) -> None:
        self.read("/users/me/dashboard/", "/users/me/dashboard/")

    @task(2)
    def look_at_own_novels(self) -> None:
        self.walk("/novels/", "/novels/?owner=me")

    @task(1)
    def look_at_the_profile(self) -> None:
        self.read("/users/me/", "/users/me/")

    @task(5)
    def read_a_novel(self) -> None:
        self.open_novel()

    @task(2)
    def read_a_comic(self) -> None:
        self.open_comic()


class Author(Member):
    """Uploads a novel, polls until it is parsed, changes it, and now and then deletes it."""

    weight = 2

    @task
    def publish(self) -> None:
        pk = self._upload()
        if pk is None:
            return
        for _ in range(20):
            answer = self.read("/novels/{novel_id}/status/", f"/novels/{pk}/status/")
            if answer.status_code != 200 or answer.json()["state"] in ("completed", "failed"):
                break
            sleep(random.uniform(0.3, 0.8))  # noqa: S311
        self._change(pk, {"title": f"Load {uuid4().hex[:8]}", "visibility": "public"})
        self.read("/novels/{novel_id}/", f"/novels/{pk}/")
        self.client.delete(
            f"{API}/novels/{pk}/", headers=self.login, name="DELETE /novels/{novel_id}/"
        )

    def _upload(self) -> int | None:
        # Else the same file twice would be a conflict.
        text = f"CHAPTER 1\n\n{uuid4().hex} " + "Once upon a time. " * 400
        with self.client.post(
            f"{API}/novels/",
            headers=self.login,
            files={"file": ("novel.txt", text.encode(), "text/plain")},
            name="POST /novels/",
            catch_response=True,
        ) as answer:
            if answer.status_code != 201:
                answer.failure(f"{answer.status_code}: {answer.text}")
                return None
            return int(answer.json()["id"])

    def _change(self, pk: int, values: dict[str, str]) -> None:
        self.client.patch(
            f"{API}/novels/{pk}/", headers=self.login, json=values, name="PATCH /novels/{novel_id}/"
        )


class Operator(Visitor):
    """Looks whether all is well."""

    weight = 1
    wait_time = between(3, 6)

    @task
    def look(self) -> None:
        self.client.get("/readyz", name="GET /readyz")
        self.client.get("/metrics", name="GET /metrics")
