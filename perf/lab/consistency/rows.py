"""The rows under test: their states, and the value of each view of the API for a state.

A value is a text that can be made from a state here and from a response in `questions`. Views:

- `anyone`: any reader but the owner of the row;
- `own`: its owner, and a reader with staff rights that bypasses the cache;
- `shown`: whether rows that belong to a public row are found;
- a filter like `genre=horror`: whether the row is in that list (a list and its cards need not be of
  one moment);
- `title` and `title:own`: the title of a novel in its comics;
- `id=7`: whether the row is found by its id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .history import ABSENT, UNKNOWN

FOUND = "+"


@dataclass(frozen=True, slots=True)
class Novel:
    """State of a novel; every write gives it a unique synopsis, and changes the rest by chance."""

    title: str
    synopsis: str
    visibility: str
    genre: str
    language: str

    @property
    def shows(self) -> dict[str, str]:
        card = novel_card(self.fields)
        shows = {"own": card, "title:own": self.title}
        if self.visibility == "public":
            genre, language = f"genre={self.genre}", f"language={self.language}"
            shows |= dict.fromkeys(("shown", genre, language, f"{genre}&{language}"), FOUND)
            shows |= {"anyone": card, "title": self.title}
        return shows

    @property
    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def make_next(
        self, unique: str, random: Random, genres: list[str], languages: list[str]
    ) -> Novel:
        """Return the next state; at times another place in orderings and filters."""
        state = replace(self, synopsis=unique)
        if random.random() < 0.5:
            state = replace(state, title=f"{random.choice('abcdefgh')} {unique}")
        if random.random() < 0.3:
            state = replace(state, visibility=random.choice(("public", "private")))
        if random.random() < 0.2:
            state = replace(state, genre=random.choice(genres), language=random.choice(languages))
        return state


@dataclass(frozen=True, slots=True)
class Comic:
    """State of a comic; every write gives it a unique title."""

    title: str
    visibility: str

    def shows(self, comic_id: int | None = None) -> dict[str, str]:
        """Return the values of all views; an unknown id is not checked."""
        card = comic_card({"title": self.title, "visibility": self.visibility})
        shows = {"own": card, f"id={comic_id or UNKNOWN}:own": FOUND}
        if self.visibility == "public":
            shows |= {"anyone": card, "shown": FOUND, f"id={comic_id or UNKNOWN}": FOUND}
        return shows


def novel_card(fields: dict[str, Any]) -> str:
    """Return the value of a novel in a response."""
    names = ("title", "synopsis", "visibility", "genre", "language")
    return "|".join(str(fields[name]) for name in names)


def comic_card(fields: dict[str, Any]) -> str:
    """Return the value of a comic in a response."""
    return f"{fields['title']}|{fields['visibility']}"


def user_shows(name: str, bio: str) -> dict[str, str]:
    """Return the values of a user: the name for all readers, the profile for the user."""
    return {"name": name, "own": f"{name}|{bio}"}


def panels_show(captions: list[str]) -> dict[str, str]:
    """Return the values of a comic's panels."""
    return {"list": panels_list(captions), "count": str(len(captions))}


def panels_list(captions: list[str]) -> str:
    """Return the value of a list of panels."""
    return f"{len(captions)}|{captions[-1] if captions else ABSENT}"


def slot_of(title: str) -> str:
    """Return the row of a comic that `writers.SlotWriter` has made, by its title."""
    return title.rsplit(" v", 1)[0]
