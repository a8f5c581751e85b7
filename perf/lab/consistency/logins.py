"""Logins that end during a run: how clients learn their credentials, and what they read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from .history import ABSENT, Observation
from .reads import FOREIGN, Parse, Read, ReadMaker
from .scene import FOUND, PROFILE, join_fields

# The view of a login's row: found while the credential is valid.
VALID = "valid"
# Weight of each own read, so that a quarter and more of a session's reads tell whether it is valid.
OWN = 20


class Login(NamedTuple):
    """A credential of a user; a row of the history, because other requests end it.

    Attributes:
        row: Name of the row.
        headers: Send the credential: a bearer token or a session cookie.
        novel_id: A private novel of the user.
    """

    row: str
    headers: dict[str, str]
    user_id: int
    novel_id: int

    @property
    def is_token(self) -> bool:
        """Whether requests are refused after its end, not anonymous as after a session's."""
        return "Authorization" in self.headers


class PublishedLogins:
    """The logins of the moment, in a file that one thread writes and all clients read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "logins.json"
        self.publish([])

    def publish(self, logins: list[Login]) -> None:
        """Replace all logins, in one step."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(logins))
        os.replace(new, self._path)

    def read(self) -> list[Login]:
        """Return the logins of the moment; each was valid when it was published."""
        return [Login(*fields) for fields in json.loads(self._path.read_text())]


def make_reads(maker: ReadMaker, login: Login, others: Iterable[int]) -> list[Read]:
    """Return reads with the credential of a login.

    Args:
        others: Private novels of other users.
    """
    valid, ended = ([Observation(login.row, VALID, value)] for value in (FOUND, ABSENT))
    # After its end a session's requests are anonymous: public rows tell nothing about it.
    shown, refused = (valid, ended) if login.is_token else ([], None)
    public = [*maker.make_lists("novels", {}, ("-created_at",), 1), *maker.make_by_id(None)]
    public += [
        _read_novel(maker, pk, [Observation(f"novel {pk}", FOREIGN, FOUND)], []) for pk in others
    ]
    reads = [
        replace(read, parse=_join(read.parse, shown), missing=read.missing + shown, refused=refused)
        for read in public
    ]
    reads += [
        replace(read, parse=_join(read.parse, valid), refused=ended, weight=OWN)
        for read in _read_own(maker, login, ended)
    ]
    return [replace(read, credentials=[login.headers]) for read in reads]


def _read_own(maker: ReadMaker, login: Login, ended: list[Observation]) -> Iterator[Read]:
    """Yield reads that only the user of a login can send."""
    own = f"novel {login.novel_id}"

    def parse_profile(data: Any) -> list[Observation]:
        return [Observation(f"user {login.user_id}", "own", join_fields(data, PROFILE))]

    def parse_novels(data: Any) -> list[Observation]:
        cards = data["novels"] if "novels" in data else data["results"]
        seen = {own: ABSENT} | {f"novel {card['id']}": FOUND for card in cards}
        return [Observation(row, "own", value) for row, value in seen.items()]

    yield maker.make("/users/me/", None, parse_profile, [])
    yield maker.make("/users/me/dashboard/", None, parse_novels, [])
    yield maker.make("/novels/", None, parse_novels, [], query={"owner": "me"})
    missing = [Observation(own, "own", ABSENT)] if login.is_token else ended
    yield _read_novel(maker, login.novel_id, [Observation(own, "own", FOUND)], missing)


def _read_novel(
    maker: ReadMaker, pk: int, seen: list[Observation], missing: list[Observation]
) -> Read:
    """Return the read of a novel of which only the presence counts."""
    values = {"novel_id": pk}
    return maker.make("/novels/{novel_id}/", None, lambda data: seen, missing, values=values)


def _join(parse: Parse, further: list[Observation]) -> Parse:
    """Return a parser that adds observations."""
    return lambda data: [*parse(data), *further]
