"""Writers of rows over HTTP: each is a generator of writes that are sent one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from random import Random
from typing import Any, NamedTuple

from perf.lab.example_requests import HttpRequest, bearer, example

from .scene import (
    Owner,
    Scene,
    comic_shows,
    next_comic,
    next_novel,
    novel_shows,
    panels_show,
    user_shows,
)

# A page of panels holds 100; a writer stops before that.
PANELS_MAX = 95


class Attempt(NamedTuple):
    """A write to send; `shows` has the new values of the row, with `UNKNOWN` for a new id."""

    row: str
    request: HttpRequest
    shows: dict[str, str]


# It receives the JSON of the response; None after a failure.
Writer = Generator[Attempt, Any, None]


def make_writers(scene: Scene, client: int, clients: int, random: Random) -> list[Writer]:
    """Return the writers of one client.

    Each row has one writer, so that the order of its writes is known; every fifth novel has a
    second one, and the two race.
    """
    writers = [
        *(_write_novel(scene, pk, "A", random) for pk in scene.novels),
        *(_write_profile(owner) for owner in scene.owners),
        *(_write_strip(scene, pk, random) for pk in scene.strips),
        *(_add_panels(scene, pk) for pk in scene.strips),
        *(_write_slot(scene.owner_of[slot], slot, random) for slot in scene.slots),
    ]
    racing = [_write_novel(scene, pk, "B", random) for pk in list(scene.novels)[::5]]
    return writers[client::clients] + racing[(client + clients - 1) % clients :: clients]


def _write_novel(scene: Scene, pk: int, name: str, random: Random) -> Writer:
    """Change a novel; each write sets all fields, so that an earlier failure does not matter."""
    row, state = f"novel {pk}", scene.novels[pk]
    for unique in _make_unique(f"{pk} {name}"):
        state = next_novel(state, unique, random)
        request = _build("PATCH /novels/{novel_id}/", scene.owner_of[row], pk, state)
        yield Attempt(row, request, novel_shows(state))


def _write_profile(owner: Owner) -> Writer:
    for unique in _make_unique(str(owner.id)):
        state = {"display_name": f"Name {unique}", "bio": f"Bio {unique}"}
        request = _build("PATCH /users/me/", owner, None, state)
        yield Attempt(f"user {owner.id}", request, user_shows(state))


def _write_strip(scene: Scene, pk: int, random: Random) -> Writer:
    row = f"strip {pk}"
    for unique in _make_unique(str(pk)):
        state = next_comic(f"{random.choice('abcdefgh')} {unique}", random)
        request = _build("PATCH /comics/{comic_id}/", scene.owner_of[row], pk, state)
        yield Attempt(row, request, comic_shows(state, pk))


def _add_panels(scene: Scene, pk: int) -> Writer:
    """Add panels until a page is full, or one fails: then their number is unknown."""
    owner = scene.owner_of[f"strip {pk}"]
    captions: list[str] = []
    for unique in itertools.islice(_make_unique(str(pk)), PANELS_MAX):
        captions.append(unique)
        request = _build("POST /comics/{comic_id}/panels/", owner, pk, {"caption": unique})
        if (yield Attempt(f"panels {pk}", request, panels_show(captions))) is None:
            return


def _write_slot(owner: Owner, name: str, random: Random) -> Writer:
    """Create a comic, change and delete it, again and again: at most one exists at a time.

    After a failure the comic may exist or not, so the slot gets a new name.
    """
    row, comic_id = name, None
    for number in itertools.count(1):
        is_deleting = comic_id is not None and random.random() < 0.4
        if is_deleting:
            attempt = Attempt(row, _build("DELETE /comics/{comic_id}/", owner, comic_id), {})
        else:
            state = next_comic(f"{row} v{number}", random)
            route = "PATCH /comics/{comic_id}/" if comic_id else "POST /comics/"
            shows = comic_shows(state, comic_id) if comic_id else comic_shows(state)
            attempt = Attempt(row, _build(route, owner, comic_id, state), shows)
        data = yield attempt
        if data is None:
            row = f"{name}.{number}"
        comic_id = None if data is None or is_deleting else data["id"]


def _make_unique(name: str) -> Iterator[str]:
    """Yield texts that no other writer has."""
    return (f"{name} v{number}" for number in itertools.count(1))


def _build(
    route: str, owner: Owner, pk: int | None, body: dict[str, str] | None = None
) -> HttpRequest:
    headers = {"Accept-Encoding": "gzip", **bearer(owner.token)}
    return example(route).build({"novel_id": pk, "comic_id": pk}, body=body or {}, headers=headers)
