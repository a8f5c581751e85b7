"""Who writes a row over HTTP, one write after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from .rows import Comic, Novel, panels_show, user_shows
from .scene import GENRES, LANGUAGES, Owner, Scene, tiny_picture
from .wire import form_request, json_request, request_bytes

# A page of panels shows so many; then another writer's turn is all there is.
PANELS_MAX = 95


class Attempt(NamedTuple):
    """A write to send; `shows` tells what it leads to, given the answer's JSON or None."""

    row: str
    request: bytes
    shows: Callable[[Any], dict[str, str]]


class Writer(ABC):
    """Writes one row; `unique` makes each of its values one that no other write has."""

    def __init__(self, name: str, owner: Owner) -> None:
        self._name = name
        self.token = owner.token
        self._count = 0

    @abstractmethod
    def attempt(self, chance: Random) -> Attempt | None:
        """Return the next write; None if there is none any more."""

    def succeeded(self, data: Any) -> None:  # noqa: B027 - most need not know
        """Go on from the state that was written."""

    def failed(self) -> None:  # noqa: B027
        """Go on although nobody knows what the state is."""

    def unique(self) -> str:
        self._count += 1
        return f"{self._name} v{self._count}"


class NovelWriter(Writer):
    """Changes a novel; each write says everything, so that it does not matter what failed."""

    def __init__(self, name: str, owner: Owner, pk: int, state: Novel) -> None:
        super().__init__(name, owner)
        self._pk, self._state = pk, state

    def attempt(self, chance: Random) -> Attempt:
        self._state = state = self._state.changed(self.unique(), chance, GENRES, LANGUAGES)
        request = json_request("PATCH", f"/api/v1/novels/{self._pk}/", self.token, state.fields)
        return Attempt(f"novel {self._pk}", request, lambda data: state.shows)


class ProfileWriter(Writer):
    """Changes a user's name and profile."""

    def __init__(self, name: str, owner: Owner) -> None:
        super().__init__(name, owner)
        self._row = f"user {owner.id}"

    def attempt(self, chance: Random) -> Attempt:
        name = f"Name {(unique := self.unique())}"
        said = {"display_name": name, "bio": f"Bio {unique}"}
        request = json_request("PATCH", "/api/v1/users/me/", self.token, said)
        return Attempt(self._row, request, lambda data: user_shows(name, said["bio"]))


class StripWriter(Writer):
    """Changes the title and the visibility of a comic that stays."""

    def __init__(self, name: str, owner: Owner, pk: int) -> None:
        super().__init__(name, owner)
        self._pk = pk

    def attempt(self, chance: Random) -> Attempt:
        visibility = chance.choice(("public", "public", "private"))
        state = Comic(f"{chance.choice('abcdefgh')} {self.unique()}", visibility)
        said = {"title": state.title, "visibility": visibility}
        request = json_request("PATCH", f"/api/v1/comics/{self._pk}/", self.token, said)
        return Attempt(f"strip {self._pk}", request, lambda data: state.shows(self._pk))


class PanelWriter(Writer):
    """Adds panels to a comic, until a page is full or one failed: then their number is unknown."""

    def __init__(self, name: str, owner: Owner, pk: int) -> None:
        super().__init__(name, owner)
        self._pk = pk
        self._captions: list[str] = []
        self._is_over = False

    def attempt(self, chance: Random) -> Attempt | None:
        if self._is_over or len(self._captions) >= PANELS_MAX:
            return None
        captions = [*self._captions, self.unique()]
        path = f"/api/v1/comics/{self._pk}/panels/"
        request = form_request(path, self.token, {"caption": captions[-1]}, tiny_picture())
        return Attempt(f"panels {self._pk}", request, lambda data: panels_show(captions))

    def succeeded(self, data: Any) -> None:
        self._captions.append(data["caption"])

    def failed(self) -> None:
        self._is_over = True


class Slot(Writer):
    """Makes a comic, changes it and deletes it again and again: at most one is there at a time.

    After a failure a comic may be there or not, so the slot is given up for one of a new name.
    """

    def __init__(self, name: str, owner: Owner) -> None:
        super().__init__(name, owner)
        self._first_name = name
        self._comic_id: int | None = None
        self._is_deleting = False
        self._given_up = 0

    def attempt(self, chance: Random) -> Attempt:
        comic_id = self._comic_id
        self._is_deleting = comic_id is not None and chance.random() < 0.4
        if self._is_deleting:
            request = request_bytes("DELETE", f"/api/v1/comics/{comic_id}/", self.token)
            return Attempt(self._name, request, lambda data: {})
        state = Comic(self.unique(), chance.choice(("public", "public", "private")))
        said = {"title": state.title, "visibility": state.visibility}
        path = f"/api/v1/comics/{comic_id}/" if comic_id else "/api/v1/comics/"
        request = json_request("PATCH" if comic_id else "POST", path, self.token, said)

        def shows(data: Any) -> dict[str, str]:
            return state.shows(data["id"] if data else comic_id)

        return Attempt(self._name, request, shows)

    def succeeded(self, data: Any) -> None:
        self._comic_id = None if self._is_deleting else data["id"]

    def failed(self) -> None:
        self._given_up += 1
        self._name = f"{self._first_name}.{self._given_up}"
        self._comic_id = None


def writers_of(scene: Scene, client: int, clients: int) -> list[Writer]:
    """Return the writers that one of so many clients has.

    Each row has one writer, so that the order of its writes is known, but every fifth novel two,
    who race.
    """

    def owner(row: str) -> Owner:
        return scene.owners[scene.owner_of[row]]

    novels = [(pk, owner(f"novel {pk}"), state) for pk, state in scene.novels.items()]
    strips = [(pk, owner(f"strip {pk}")) for pk in scene.strips]
    made: list[Writer] = [
        *(NovelWriter(f"{pk} A", owner, pk, state) for pk, owner, state in novels),
        *(ProfileWriter(f"{owner.id}", owner) for owner in scene.owners),
        *(StripWriter(f"{pk}", owner, pk) for pk, owner in strips),
        *(PanelWriter(f"{pk}", owner, pk) for pk, owner in strips),
        *(Slot(slot, owner(slot)) for slot in scene.slots),
    ]
    racing = [NovelWriter(f"{pk} B", owner, pk, state) for pk, owner, state in novels[::5]]
    return made[client::clients] + racing[(client + clients - 1) % clients :: clients]
