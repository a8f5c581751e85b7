"""What readers ask, and which values of which rows an answer shows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .history import ABSENT, Observation
from .rows import FOUND, comic_card, novel_card, panels_list, slot_of
from .scene import GENRES, LANGUAGES, Scene

# A card of another owner's row in a list of one's own: no write shows anything in this view.
FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Question:
    """One URL as one reader, None for nobody.

    Attributes:
        read: What the JSON of a 200 shows.
        missing: What a 404 shows.
        weight: How often it is asked, relative to others.
        about: The row that it asks for; empty for a list.
    """

    path: str
    reader: int | None
    read: Callable[[Any], list[Observation]]
    missing: list[Observation]
    weight: int = 1
    about: str = ""

    def shown(self, status: int, body: bytes) -> list[Observation] | None:
        """Return what an answer shows; None for one that is neither 200 nor 404."""
        if status == 200:
            return self.read(json.loads(body))
        return self.missing if status == 404 else None


class Asker:
    """Makes the questions about a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._names = {owner.id: f"user {owner.id}" for owner in scene.owners}

    def all(self) -> list[Question]:
        """Return every question but those about comics that come and go."""
        readers = [None, *range(len(self._scene.owners))]
        made = itertools.chain.from_iterable(self._of_reader(reader) for reader in readers)
        return [*made, *self._public_lists()]

    def comic(self, comic_id: int, slot: str, reader: int | None) -> Question:
        """Ask for a comic by its address, which ends when it is deleted."""
        own = ":own" if self._owns(slot, reader) else ""

        def read(data: Any) -> list[Observation]:
            return [Observation(slot, f"id={comic_id}{own}", FOUND), *self._comic(data, reader)]

        gone = [Observation(slot, f"id={comic_id}{own}", ABSENT)]
        return Question(f"/api/v1/comics/{comic_id}/", reader, read, gone)

    def _of_reader(self, reader: int | None) -> Iterator[Question]:
        for pk in self._scene.novels:
            yield from self._about_novel(pk, reader)
        for pk in self._scene.strips:
            yield from self._about_strip(pk, reader)
        if reader is not None:
            yield from self._own_lists(reader)

    def _about_novel(self, pk: int, reader: int | None) -> Iterator[Question]:
        row, path = f"novel {pk}", f"/api/v1/novels/{pk}/"
        own = self._owns(row, reader)
        hidden = [Observation(row, "own" if own else "anyone", ABSENT)]
        there = [] if own else [Observation(row, "shown", FOUND)]
        yield Question(path, reader, lambda data: self._novel(data, reader), hidden, 6, row)
        yield Question(
            f"{path}status/",
            reader,
            lambda data: [*there, Observation(f"status {pk}", "status", data["stage"])],
            hidden,
            2,
            row,
        )
        yield Question(
            f"{path}chapters/1/",
            reader,
            lambda data: [*there, Observation(f"text {pk}", "text", data["content"])],
            hidden,
            2,
            row,
        )
        yield Question(f"{path}chapters/", reader, lambda data: there, hidden, 1, row)

    def _about_strip(self, pk: int, reader: int | None) -> Iterator[Question]:
        row, path = f"strip {pk}", f"/api/v1/comics/{pk}/"
        own = self._owns(row, reader)
        hidden = [Observation(row, "own" if own else "anyone", ABSENT)]
        there = [] if own else [Observation(row, "shown", FOUND)]

        def panels(data: Any) -> list[Observation]:
            captions = [panel["caption"] for panel in data["results"]]
            if not captions and not own:
                return there  # Without panels, or made private between two of its statements.
            return [*there, Observation(f"panels {pk}", "list", panels_list(captions))]

        yield Question(path, reader, lambda data: self._comic(data, reader), hidden, 4, row)
        yield Question(f"{path}panels/?page_size=100", reader, panels, hidden, 3, f"panels {pk}")

    def _own_lists(self, reader: int) -> Iterator[Question]:
        for ordering in ("-created_at", "title"):
            query = f"?owner=me&ordering={ordering}"
            yield Question(f"/api/v1/novels/{query}", reader, self._novels("own", reader), [], 4)
            yield Question(
                f"/api/v1/comics/{query}", reader, self._comics(reader, mine=True), [], 4
            )
        row = self._names[self._scene.owners[reader].id]

        def profile(data: Any) -> list[Observation]:
            return [Observation(row, "own", f"{data['display_name']}|{data['bio']}")]

        def dashboard(data: Any) -> list[Observation]:
            shown = [seen for novel in data["novels"] for seen in self._novel(novel, reader)]
            shown += [seen for comic in data["comics"] for seen in self._comic(comic, reader)]
            for status in (novel["status"] for novel in data["novels"]):
                shown.append(Observation(f"status {status['novel']}", "status", status["stage"]))
            return shown

        yield Question("/api/v1/users/me/", reader, profile, [], 4, row)
        yield Question("/api/v1/users/me/dashboard/", reader, dashboard, [], 4)

    def _public_lists(self) -> Iterator[Question]:
        """Yield the lists that are the same for everyone, asked by nobody."""
        genres = [f"genre={genre}" for genre in GENRES]
        languages = [f"language={code}" for code in LANGUAGES]
        pairs = ["&".join(pair) for pair in itertools.product(genres, languages)]
        owners = [f"owner={owner.id}" for owner in self._scene.owners]
        for query in ("", "author=", *genres, *languages, *owners):
            for ordering in ("-created_at", "created_at", "title", "-word_count"):
                view = query if query in (*genres, *languages) else "anyone"
                path = f"/api/v1/novels/?{query}&ordering={ordering}"
                of = int(query[6:]) if query in owners else None
                yield Question(path, None, self._novels(view, None, of), [], 4 if not query else 1)
        for query in pairs:
            yield Question(f"/api/v1/novels/?{query}", None, self._novels(query, None), [], 2)
        for query in ("", *owners):
            for ordering in ("-created_at", "title"):
                path = f"/api/v1/comics/?{query}&ordering={ordering}"
                of = int(query[6:]) if query else None
                yield Question(path, None, self._comics(None, mine=False, owner_id=of), [], 3)
        for pk in set(self._scene.strip_novels.values()):
            shown = Observation(f"novel {pk}", "shown", FOUND)

            def strips(data: Any, shown: Observation = shown) -> list[Observation]:
                found = [seen for card in data["results"] for seen in self._comic(card, None)]
                return [shown, *found] if found else []

            yield Question(f"/api/v1/comics/?novel={pk}", None, strips, [])

    def _novels(
        self, view: str, reader: int | None, owner_id: int | None = None
    ) -> Callable[[Any], list[Observation]]:
        """Return how to read a list that shows novels as `view`; who is not in it, is absent."""
        rows = [f"novel {pk}" for pk in self._scene.novels]
        expected = self._of_owner(rows, reader, owner_id)

        def read(data: Any) -> list[Observation]:
            shown = []
            for card in data["results"]:
                row = f"novel {card['id']}"
                whose = "own" if view == "own" else "anyone"
                seen_as = whose if row in expected else FOREIGN
                shown += [Observation(row, seen_as, novel_card(card)), self._name(card)]
                if view != whose:
                    shown.append(Observation(row, view, FOUND))
            return shown + _absent(expected, shown, view, data)

        return read

    def _comics(
        self, reader: int | None, *, mine: bool, owner_id: int | None = None
    ) -> Callable[[Any], list[Observation]]:
        rows = [f"strip {pk}" for pk in self._scene.strips] + self._scene.slots
        expected = self._of_owner(rows, reader, owner_id)
        view = "own" if mine else "anyone"

        def read(data: Any) -> list[Observation]:
            shown = []
            for card in data["results"]:
                found = self._comic(card, reader)
                row = found[0].row
                if row in self._scene.owner_of and row not in expected:
                    found.append(Observation(row, FOREIGN, comic_card(card)))
                shown += found
            return shown + _absent(expected, shown, view, data)

        return read

    def _novel(self, card: Any, reader: int | None) -> list[Observation]:
        row = f"novel {card['id']}"
        view = "own" if self._owns(row, reader) else "anyone"
        return [Observation(row, view, novel_card(card)), self._name(card)]

    def _comic(self, card: Any, reader: int | None) -> list[Observation]:
        pk = card["id"]
        row = f"strip {pk}" if pk in self._scene.strips else slot_of(card["title"])
        own = card["owner"]["id"] == self._id(reader)
        shown = [Observation(row, "own" if own else "anyone", comic_card(card)), self._name(card)]
        if pk in self._scene.strips:
            shown.append(Observation(f"panels {pk}", "count", str(card["panel_count"])))
            novel = f"novel {self._scene.strip_novels[pk]}"
            title = card["novel"]["title"] if card["novel"] else ABSENT
            view = "title:own" if self._owns(novel, reader) else "title"
            shown.append(Observation(novel, view, title))
        return shown

    def _name(self, card: Any) -> Observation:
        owner = card["owner"]
        return Observation(self._names.get(owner["id"], FOREIGN), "name", owner["display_name"])

    def _of_owner(self, rows: list[str], reader: int | None, owner_id: int | None) -> set[str]:
        wanted = self._id(reader) or owner_id
        owners = self._scene.owners
        return {row for row in rows if not wanted or owners[self._scene.owner_of[row]].id == wanted}

    def _owns(self, row: str, reader: int | None) -> bool:
        # A slot that was given up is named after the one it replaces: "Slot 3.1".
        return reader is not None and self._scene.owner_of.get(row.partition(".")[0]) == reader

    def _id(self, reader: int | None) -> int | None:
        return None if reader is None else self._scene.owners[reader].id


def _absent(
    expected: set[str], shown: list[Observation], view: str, data: Any
) -> list[Observation]:
    """Return that what a whole list does not show is not in it."""
    if data["next"]:
        return []
    seen = {observation.row for observation in shown}
    return [Observation(row, view, ABSENT) for row in sorted(expected - seen)]
