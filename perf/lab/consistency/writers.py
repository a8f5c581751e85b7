"""Writers of rows over HTTP: each sends one write after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from perf.lab.example_requests import HttpRequest, bearer, example

from .rows import Comic, Novel, panels_show, user_shows
from .scene import GENRES, LANGUAGES, Owner, Scene

# A page of panels holds 100; a writer stops before that.
PANELS_MAX = 95
VISIBILITIES = ("public", "public", "private")


class Attempt(NamedTuple):
    """A write to send; `shows` gives the new values of the row, given the response or None."""

    row: str
    request: HttpRequest
    shows: Callable[[Any], dict[str, str]]


class Writer(ABC):
    """Writes one row; `make_unique` gives each of its values a text that no other write has."""

    def __init__(self, name: str, owner: Owner) -> None:
        self._name = name
        self._headers = {"Accept-Encoding": "gzip", **bearer(owner.token)}
        self._count = 0

    @abstractmethod
    def make_attempt(self, random: Random) -> Attempt | None:
        """Return the next write; None if there are no more."""

    def on_success(self, data: Any) -> None:  # noqa: B027 - most writers keep no state
        """Continue from the state that was written."""

    def on_failure(self) -> None:  # noqa: B027
        """Continue although the state is unknown."""

    def make_unique(self) -> str:
        self._count += 1
        return f"{self._name} v{self._count}"

    def _build(
        self, route: str, values: dict[str, object], body: dict[str, str] | None = None
    ) -> HttpRequest:
        return example(route).build(values, body=body or {}, headers=self._headers)


class NovelWriter(Writer):
    """Changes a novel; each write sets all fields, so that an earlier failure does not matter."""

    def __init__(self, name: str, owner: Owner, novel_id: int, state: Novel) -> None:
        super().__init__(name, owner)
        self._novel_id, self._state = novel_id, state

    def make_attempt(self, random: Random) -> Attempt:
        state = self._state.make_next(self.make_unique(), random, GENRES, LANGUAGES)
        self._state = state
        values: dict[str, object] = {"novel_id": self._novel_id}
        request = self._build("PATCH /novels/{novel_id}/", values, state.fields)
        return Attempt(f"novel {self._novel_id}", request, lambda data: state.shows)


class ProfileWriter(Writer):
    """Changes a user's name and profile."""

    def __init__(self, name: str, owner: Owner) -> None:
        super().__init__(name, owner)
        self._row = f"user {owner.id}"

    def make_attempt(self, random: Random) -> Attempt:
        unique = self.make_unique()
        name, bio = f"Name {unique}", f"Bio {unique}"
        request = self._build("PATCH /users/me/", {}, {"display_name": name, "bio": bio})
        return Attempt(self._row, request, lambda data: user_shows(name, bio))


class StripWriter(Writer):
    """Changes the title and the visibility of a comic that stays."""

    def __init__(self, name: str, owner: Owner, comic_id: int) -> None:
        super().__init__(name, owner)
        self._comic_id = comic_id

    def make_attempt(self, random: Random) -> Attempt:
        title = f"{random.choice('abcdefgh')} {self.make_unique()}"
        state = Comic(title, random.choice(VISIBILITIES))
        body = {"title": state.title, "visibility": state.visibility}
        request = self._build("PATCH /comics/{comic_id}/", {"comic_id": self._comic_id}, body)
        row = f"strip {self._comic_id}"
        return Attempt(row, request, lambda data: state.shows(self._comic_id))


class PanelWriter(Writer):
    """Adds panels to a comic until a page is full, or one fails: then their number is unknown."""

    def __init__(self, name: str, owner: Owner, comic_id: int) -> None:
        super().__init__(name, owner)
        self._comic_id = comic_id
        self._captions: list[str] = []
        self._has_failed = False

    def make_attempt(self, random: Random) -> Attempt | None:
        if self._has_failed or len(self._captions) >= PANELS_MAX:
            return None
        captions = [*self._captions, self.make_unique()]
        values: dict[str, object] = {"comic_id": self._comic_id}
        body = {"caption": captions[-1]}
        request = self._build("POST /comics/{comic_id}/panels/", values, body)
        return Attempt(f"panels {self._comic_id}", request, lambda data: panels_show(captions))

    def on_success(self, data: Any) -> None:
        self._captions.append(data["caption"])

    def on_failure(self) -> None:
        self._has_failed = True


class SlotWriter(Writer):
    """Creates a comic, changes and deletes it, again and again: at most one exists at a time.

    After a failure the comic may exist or not, so the slot gets a new name.
    """

    def __init__(self, name: str, owner: Owner) -> None:
        super().__init__(name, owner)
        self._first_name = name
        self._comic_id: int | None = None
        self._is_deleting = False
        self._renames = 0

    def make_attempt(self, random: Random) -> Attempt:
        comic_id = self._comic_id
        values: dict[str, object] = {"comic_id": comic_id}
        self._is_deleting = comic_id is not None and random.random() < 0.4
        if self._is_deleting:
            request = self._build("DELETE /comics/{comic_id}/", values)
            return Attempt(self._name, request, lambda data: {})
        state = Comic(self.make_unique(), random.choice(VISIBILITIES))
        body = {"title": state.title, "visibility": state.visibility}
        route = "PATCH /comics/{comic_id}/" if comic_id else "POST /comics/"
        request = self._build(route, values, body)
        return Attempt(
            self._name, request, lambda data: state.shows(data["id"] if data else comic_id)
        )

    def on_success(self, data: Any) -> None:
        self._comic_id = None if self._is_deleting else data["id"]

    def on_failure(self) -> None:
        self._renames += 1
        self._name = f"{self._first_name}.{self._renames}"
        self._comic_id = None


def writers_of(scene: Scene, client: int, clients: int) -> list[Writer]:
    """Return the writers of one client.

    Each row has one writer, so that the order of its writes is known; every fifth novel has a
    second one, and the two race.
    """

    def owner(row: str) -> Owner:
        return scene.owners[scene.owner_of[row]]

    novels = [(pk, owner(f"novel {pk}"), state) for pk, state in scene.novels.items()]
    strips = [(pk, owner(f"strip {pk}")) for pk in scene.strips]
    writers: list[Writer] = [
        *(NovelWriter(f"{pk} A", owner, pk, state) for pk, owner, state in novels),
        *(ProfileWriter(f"{owner.id}", owner) for owner in scene.owners),
        *(StripWriter(f"{pk}", owner, pk) for pk, owner in strips),
        *(PanelWriter(f"{pk}", owner, pk) for pk, owner in strips),
        *(SlotWriter(slot, owner(slot)) for slot in scene.slots),
    ]
    racing = [NovelWriter(f"{pk} B", owner, pk, state) for pk, owner, state in novels[::5]]
    return writers[client::clients] + racing[(client + clients - 1) % clients :: clients]
