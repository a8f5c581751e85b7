"""The rows of a run, their states, and the value that each view of the API shows of a state.

A value is a text that can be made from a state here and from a response in `reads`. Views:

- `anyone`: any reader but the owner of the row;
- `own`: its owner, and a reader with staff rights that bypasses the cache;
- `shown`: whether rows that belong to a public row are found;
- a filter like `genre=horror`: whether the row is in that list (a list and its cards need not be of
  one moment);
- `title` and `title:own`: the title of a novel in its comics;
- `public`: the profile of a user;
- `listed`: the place in a novel, in the list of what its owner is reading;
- `id=7`: whether the row is found by its id;
- `valid`: whether a login is (`logins`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from perf.lab.example_requests import bearer

from .history import UNKNOWN, Write

FOUND = "+"
GENRES = ["fantasy", "horror"]
LANGUAGES = ["de", "en"]

NOVEL = ("title", "synopsis", "visibility", "genre", "language")
COMIC = ("title", "visibility")
PROFILE = ("display_name", "bio")
FIRST_PROFILE = {"display_name": "Name v0", "bio": "Bio v0"}


@dataclass(frozen=True, eq=False, slots=True)
class Owner:
    """A user whose rows are written.

    Attributes:
        token: Logs the user in during the whole run, for writes too.
        session: Headers of a session that lasts as long, for reads.
    """

    id: int
    token: str
    session: dict[str, str]

    @property
    def credentials(self) -> list[dict[str, str]]:
        """Headers of both kinds."""
        return [bearer(self.token), self.session]


@dataclass(frozen=True, slots=True)
class Scene:
    """A few hot rows of two owners, and their first states.

    Attributes:
        novels: First state by id.
        strips: Comics that stay and get panels: the id of the novel by the id of the comic.
        slots: Names of comics that come and go.
        owner_of: By row.
    """

    owners: list[Owner]
    novels: dict[int, dict[str, str]]
    strips: dict[int, int]
    slots: list[str]
    owner_of: dict[str, Owner]

    def first_writes(self) -> list[Write]:
        """Return the first states as writes that were acknowledged long ago."""
        shows = {f"user {owner.id}": user_shows(FIRST_PROFILE) for owner in self.owners}
        for pk, state in self.novels.items():
            shows[f"novel {pk}"] = novel_shows(state)
            shows[f"status {pk}"] = status_shows("processing", "v0")
            shows[f"text {pk}"] = {"text": "v0"}
            shows[f"place {pk}"] = {}
        for pk, novel_id in self.strips.items():
            shows[f"strip {pk}"] = comic_shows(first_strip(novel_id), pk)
            shows[f"panels {pk}"] = panels_show([])
        shows |= {slot: {} for slot in self.slots}
        return [Write(row, values, 0.0, 0.0) for row, values in shows.items()]


def first_novel(number: int) -> dict[str, str]:
    """Return the first state of a novel."""
    values = (f"a {number} v0", f"{number} v0", "public", GENRES[0], LANGUAGES[0])
    return dict(zip(NOVEL, values, strict=True))


def next_novel(state: dict[str, str], unique: str, random: Random) -> dict[str, str]:
    """Return a state with a unique synopsis; at times another place in orderings and filters."""
    changes = {"synopsis": unique}
    if random.random() < 0.5:
        changes["title"] = f"{random.choice('abcdefgh')} {unique}"
    if random.random() < 0.3:
        changes["visibility"] = random.choice(("public", "private"))
    if random.random() < 0.2:
        changes |= {"genre": random.choice(GENRES), "language": random.choice(LANGUAGES)}
    return state | changes


def flip_visibility(state: dict[str, str]) -> dict[str, str]:
    """Return the state of a novel or comic with the other visibility."""
    return state | {"visibility": "private" if state["visibility"] == "public" else "public"}


def first_strip(novel_id: int) -> dict[str, str]:
    """Return the first state of the comic of a novel."""
    return {"title": f"Strip {novel_id} v0", "visibility": "public"}


def next_comic(title: str, random: Random) -> dict[str, str]:
    """Return a state with a unique title."""
    return {"title": title, "visibility": random.choice(("public", "public", "private"))}


def join_fields(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the value of a row with these fields, of a state or a response."""
    return "|".join(str(fields[name]) for name in names)


def novel_shows(state: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a novel."""
    card = join_fields(state, NOVEL)
    shows = {"own": card, "title:own": state["title"]}
    if state["visibility"] == "public":
        genre, language = f"genre={state['genre']}", f"language={state['language']}"
        shows |= dict.fromkeys(("shown", genre, language, f"{genre}&{language}"), FOUND)
        shows |= {"anyone": card, "title": state["title"]}
    return shows


def comic_shows(state: Mapping[str, str], comic_id: int | str = UNKNOWN) -> dict[str, str]:
    """Return the values of a comic."""
    card = join_fields(state, COMIC)
    shows = {"own": card, f"id={comic_id}:own": FOUND}
    if state["visibility"] == "public":
        shows |= {"anyone": card, "shown": FOUND, f"id={comic_id}": FOUND}
    return shows


def user_shows(state: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a user: name and public profile for all readers, `own` for the user."""
    profile = join_fields(state, PROFILE)
    return {"name": state["display_name"], "public": profile, "own": profile}


def panels_show(panels: Sequence[str]) -> dict[str, str]:
    """Return the values of a comic's panels, each of `panel_value`, in their order."""
    return {"list": f"{len(panels)}|{','.join(panels)}", "count": str(len(panels))}


def panel_value(caption: str, width: int) -> str:
    """Return the value of a panel: its caption, and the width of its picture."""
    return f"{caption}:{width}"


def place_shows(position: float, *, is_finished: bool) -> dict[str, str]:
    """Return the values of the owner's place in a novel."""
    value = str(position)
    return {"own": value} if is_finished else {"own": value, "listed": value}


def status_shows(state: str, stage: str = "", message: str = "") -> dict[str, str]:
    """Return the values of a processing status."""
    return {"status": f"{state}|{stage}|{message}"}


def slot_of(title: str) -> str:
    """Return the row of a comic that comes and goes, by its title."""
    return title.rsplit(" v", 1)[0]
