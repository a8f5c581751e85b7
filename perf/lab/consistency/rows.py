"""The rows under test: their states, and what each view of the API shows of a state.

What a view shows is a text that can be made from a state here and from an answer in `questions`.
Views: `anyone` (who does not own the row), `own` (its owner, and staff past the cache), `shown`
(whether what belongs to a public row is found), a filter as `genre=horror` (whether the row is in
such a list: a list and its cards are not promised to be of one moment), `title` and `title:own` (as
the comics of a novel name it), and `id=7` (whether the row is found by its address).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .history import ABSENT, UNKNOWN

FOUND = "+"


@dataclass(frozen=True, slots=True)
class Novel:
    """State of a novel; every write gives it a synopsis of its own, and the rest by chance."""

    title: str
    synopsis: str
    visibility: str
    genre: str
    language: str

    @property
    def shows(self) -> dict[str, str]:
        shown = {"own": (card := novel_card(self.fields)), "title:own": self.title}
        if self.visibility == "public":
            genre, language = f"genre={self.genre}", f"language={self.language}"
            shown |= dict.fromkeys(("shown", genre, language, f"{genre}&{language}"), FOUND)
            shown |= {"anyone": card, "title": self.title}
        return shown

    @property
    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def changed(
        self, unique: str, chance: Random, genres: list[str], languages: list[str]
    ) -> Novel:
        """Return the next state; what lists are ordered and filtered by changes now and then."""
        state = replace(self, synopsis=unique)
        if chance.random() < 0.5:
            state = replace(state, title=f"{chance.choice('abcdefgh')} {unique}")
        if chance.random() < 0.3:
            state = replace(state, visibility=chance.choice(("public", "private")))
        if chance.random() < 0.2:
            state = replace(state, genre=chance.choice(genres), language=chance.choice(languages))
        return state


@dataclass(frozen=True, slots=True)
class Comic:
    """State of a comic; every write gives it a title of its own."""

    title: str
    visibility: str

    def shows(self, comic_id: int | None = None) -> dict[str, str]:
        """Return what is shown; an unknown id, of a comic whose making failed, is not checked."""
        card = comic_card({"title": self.title, "visibility": self.visibility})
        shown = {"own": card, f"id={comic_id or UNKNOWN}:own": FOUND}
        if self.visibility == "public":
            shown |= {"anyone": card, "shown": FOUND, f"id={comic_id or UNKNOWN}": FOUND}
        return shown


def novel_card(fields: dict[str, Any]) -> str:
    """Return what an answer shows of a novel."""
    names = ("title", "synopsis", "visibility", "genre", "language")
    return "|".join(str(fields[name]) for name in names)


def comic_card(fields: dict[str, Any]) -> str:
    """Return what an answer shows of a comic."""
    return f"{fields['title']}|{fields['visibility']}"


def user_shows(name: str, bio: str) -> dict[str, str]:
    """Return what is shown of a user: the name to everybody, the profile to themselves."""
    return {"name": name, "own": f"{name}|{bio}"}


def panels_show(captions: list[str]) -> dict[str, str]:
    """Return what is shown of a comic's panels."""
    return {"list": panels_list(captions), "count": str(len(captions))}


def panels_list(captions: list[str]) -> str:
    return f"{len(captions)}|{captions[-1] if captions else ABSENT}"


def slot_of(title: str) -> str:
    """Return the row that a comic made by `writers.Slot` is a state of, by its title."""
    return title.rsplit(" v", 1)[0]
