"""The reads of clients, and which values of which rows a response shows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perf.lab.example_requests import example

from .history import ABSENT, Observation
from .rows import FOUND, comic_card, novel_card, panels_list, slot_of
from .scene import GENRES, LANGUAGES, Scene

# The view of another owner's row in a list of one owner: no write shows a value in it.
FOREIGN = "foreign"

ReadData = Callable[[Any], list[Observation]]


@dataclass(frozen=True, slots=True)
class Question:
    """A GET of one path by one reader; None is anonymous.

    Attributes:
        read: Returns the observations in the JSON of a 200.
        missing: The observations in a 404.
        weight: How often it is sent, relative to others.
        about: The row that it names; empty for a list.
    """

    path: str
    reader: int | None
    read: ReadData
    missing: list[Observation]
    weight: int = 1
    about: str = ""

    def read_response(self, status: int, body: bytes) -> list[Observation] | None:
        """Return the observations in a response; None if it is neither 200 nor 404."""
        if status == 200:
            return self.read(json.loads(body))
        return self.missing if status == 404 else None


def _path(
    route: str,
    values: Mapping[str, object] | None = None,
    query: Mapping[str, object] | None = None,
) -> str:
    return example(f"GET {route}").build(values or {}, query=query or {}).path


class QuestionMaker:
    """Makes the questions about a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._users = {owner.id: f"user {owner.id}" for owner in scene.owners}

    def make_all(self) -> list[Question]:
        """Return all questions but those about comics that come and go."""
        questions = [*self._make_public_lists()]
        for reader in (None, *range(len(self._scene.owners))):
            for pk in self._scene.novels:
                questions += self._make_about_novel(pk, reader)
            for pk in self._scene.strips:
                questions += self._make_about_strip(pk, reader)
            if reader is not None:
                questions += self._make_own(reader)
        return questions

    def make_comic(self, comic_id: int, slot: str, reader: int | None) -> Question:
        """Return the question for a comic by its id, which ends when the comic is deleted."""
        own = ":own" if self._owns(slot, reader) else ""

        def read(data: Any) -> list[Observation]:
            there = Observation(slot, f"id={comic_id}{own}", FOUND)
            return [there, *self._read_comic(data, reader)]

        gone = [Observation(slot, f"id={comic_id}{own}", ABSENT)]
        return Question(_path("/comics/{comic_id}/", {"comic_id": comic_id}), reader, read, gone)

    def _make_about_novel(self, pk: int, reader: int | None) -> Iterator[Question]:
        row = f"novel {pk}"
        hidden, there = self._read_presence(row, reader)

        def make(route: str, read: ReadData, weight: int) -> Question:
            path = _path(f"/novels/{{novel_id}}/{route}", {"novel_id": pk, "number": 1})
            return Question(path, reader, read, hidden, weight, row)

        def status(data: Any) -> list[Observation]:
            return [*there, Observation(f"status {pk}", "status", data["stage"])]

        def text(data: Any) -> list[Observation]:
            return [*there, Observation(f"text {pk}", "text", data["content"])]

        yield make("", lambda data: self._read_novel(data, reader), 6)
        yield make("status/", status, 2)
        yield make("chapters/{number}/", text, 2)
        yield make("chapters/", lambda data: there, 1)

    def _make_about_strip(self, pk: int, reader: int | None) -> Iterator[Question]:
        row = f"strip {pk}"
        hidden, there = self._read_presence(row, reader)

        def panels(data: Any) -> list[Observation]:
            captions = [panel["caption"] for panel in data["results"]]
            if not captions and there:
                return there  # Without panels, or made private between two of its statements.
            return [*there, Observation(f"panels {pk}", "list", panels_list(captions))]

        path = _path("/comics/{comic_id}/", {"comic_id": pk})
        yield Question(path, reader, lambda data: self._read_comic(data, reader), hidden, 4, row)
        path = _path("/comics/{comic_id}/panels/", {"comic_id": pk}, {"page_size": 100})
        yield Question(path, reader, panels, hidden, 3, f"panels {pk}")

    def _read_presence(
        self, row: str, reader: int | None
    ) -> tuple[list[Observation], list[Observation]]:
        """Return the observations in a 404 and in a 200 of a row below the API's root."""
        own = self._owns(row, reader)
        hidden = [Observation(row, "own" if own else "anyone", ABSENT)]
        return hidden, [] if own else [Observation(row, "shown", FOUND)]

    def _make_own(self, reader: int) -> Iterator[Question]:
        for ordering in ("-created_at", "title"):
            query = {"owner": "me", "ordering": ordering}
            novels = self._read_novels("own", reader)
            yield Question(_path("/novels/", {}, query), reader, novels, [], 4)
            comics = self._read_comics(reader, mine=True)
            yield Question(_path("/comics/", {}, query), reader, comics, [], 4)
        row = self._users[self._scene.owners[reader].id]

        def profile(data: Any) -> list[Observation]:
            return [Observation(row, "own", f"{data['display_name']}|{data['bio']}")]

        def dashboard(data: Any) -> list[Observation]:
            seen = [each for novel in data["novels"] for each in self._read_novel(novel, reader)]
            seen += [each for comic in data["comics"] for each in self._read_comic(comic, reader)]
            for status in (novel["status"] for novel in data["novels"]):
                seen.append(Observation(f"status {status['novel']}", "status", status["stage"]))
            return seen

        yield Question(_path("/users/me/"), reader, profile, [], 4, row)
        yield Question(_path("/users/me/dashboard/"), reader, dashboard, [], 4)

    def _make_public_lists(self) -> Iterator[Question]:
        """Yield the lists that are the same for all readers, as an anonymous one."""
        genres = [{"genre": genre} for genre in GENRES]
        languages = [{"language": code} for code in LANGUAGES]
        owners = [{"owner": owner.id} for owner in self._scene.owners]
        plain: list[dict[str, Any]] = [{}, {"author": ""}]
        for query in (*plain, *genres, *languages, *owners):
            view = _view_of(query) if query.keys() & {"genre", "language"} else "anyone"
            read = self._read_novels(view, None, query.get("owner"))
            for ordering in ("-created_at", "created_at", "title", "-word_count"):
                path = _path("/novels/", {}, query | {"ordering": ordering})
                yield Question(path, None, read, [], 1 if query else 4)
        for genre, language in itertools.product(genres, languages):
            query = genre | language
            read = self._read_novels(_view_of(query), None)
            yield Question(_path("/novels/", {}, query), None, read, [], 2)
        for query in ({}, *owners):
            read = self._read_comics(None, mine=False, owner_id=query.get("owner"))
            for ordering in ("-created_at", "title"):
                path = _path("/comics/", {}, query | {"ordering": ordering})
                yield Question(path, None, read, [], 3)
        for pk in set(self._scene.strip_novels.values()):
            there = Observation(f"novel {pk}", "shown", FOUND)

            def strips(data: Any, there: Observation = there) -> list[Observation]:
                seen = [each for card in data["results"] for each in self._read_comic(card, None)]
                return [there, *seen] if seen else []

            yield Question(_path("/comics/", {}, {"novel": pk}), None, strips, [])

    def _read_novels(self, view: str, reader: int | None, owner_id: int | None = None) -> ReadData:
        """Return how to read a list that shows novels as `view`; missing novels are absent."""
        rows = [f"novel {pk}" for pk in self._scene.novels]
        expected = self._filter_by_owner(rows, reader, owner_id)
        card_view = "own" if view == "own" else "anyone"

        def read(data: Any) -> list[Observation]:
            seen = []
            for card in data["results"]:
                row = f"novel {card['id']}"
                seen_as = card_view if row in expected else FOREIGN
                seen += [Observation(row, seen_as, novel_card(card)), self._read_name(card)]
                if view != card_view:
                    seen.append(Observation(row, view, FOUND))
            return seen + _find_absent(expected, seen, view, data)

        return read

    def _read_comics(
        self, reader: int | None, *, mine: bool, owner_id: int | None = None
    ) -> ReadData:
        rows = [f"strip {pk}" for pk in self._scene.strips] + self._scene.slots
        expected = self._filter_by_owner(rows, reader, owner_id)
        view = "own" if mine else "anyone"

        def read(data: Any) -> list[Observation]:
            seen = []
            for card in data["results"]:
                observations = self._read_comic(card, reader)
                row = observations[0].row
                if row in self._scene.owner_of and row not in expected:
                    observations.append(Observation(row, FOREIGN, comic_card(card)))
                seen += observations
            return seen + _find_absent(expected, seen, view, data)

        return read

    def _read_novel(self, card: Any, reader: int | None) -> list[Observation]:
        row = f"novel {card['id']}"
        view = "own" if self._owns(row, reader) else "anyone"
        return [Observation(row, view, novel_card(card)), self._read_name(card)]

    def _read_comic(self, card: Any, reader: int | None) -> list[Observation]:
        pk = card["id"]
        row = f"strip {pk}" if pk in self._scene.strips else slot_of(card["title"])
        view = "own" if card["owner"]["id"] == self._id_of(reader) else "anyone"
        seen = [Observation(row, view, comic_card(card)), self._read_name(card)]
        if pk in self._scene.strips:
            seen.append(Observation(f"panels {pk}", "count", str(card["panel_count"])))
            novel = f"novel {self._scene.strip_novels[pk]}"
            title = card["novel"]["title"] if card["novel"] else ABSENT
            view = "title:own" if self._owns(novel, reader) else "title"
            seen.append(Observation(novel, view, title))
        return seen

    def _read_name(self, card: Any) -> Observation:
        owner = card["owner"]
        return Observation(self._users.get(owner["id"], FOREIGN), "name", owner["display_name"])

    def _filter_by_owner(
        self, rows: list[str], reader: int | None, owner_id: int | None
    ) -> set[str]:
        wanted, owners = self._id_of(reader) or owner_id, self._scene.owners
        return {row for row in rows if not wanted or owners[self._scene.owner_of[row]].id == wanted}

    def _owns(self, row: str, reader: int | None) -> bool:
        # A slot with a new name still has its first name: "Slot 3.1".
        return reader is not None and self._scene.owner_of.get(row.partition(".")[0]) == reader

    def _id_of(self, reader: int | None) -> int | None:
        return None if reader is None else self._scene.owners[reader].id


def _view_of(query: Mapping[str, object]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())


def _find_absent(
    expected: set[str], seen: list[Observation], view: str, data: Any
) -> list[Observation]:
    """Return observations of the rows that a whole list does not show."""
    if data["next"]:
        return []
    rows = {observation.row for observation in seen}
    return [Observation(row, view, ABSENT) for row in sorted(expected - rows)]
