"""The reads of clients, and which values of which rows a response shows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perf.lab.example_catalogue import example

from .history import ABSENT, Observation
from .scene import (
    COMIC,
    FOUND,
    GENRES,
    LANGUAGES,
    NOVEL,
    PROFILE,
    Owner,
    Scene,
    join_fields,
    panel_value,
    panels_show,
    slot_of,
    status_shows,
)

# The view of another owner's row in a list of one owner: no write shows a value in it.
FOREIGN = "foreign"

Parse = Callable[[Any], list[Observation]]


@dataclass(slots=True)
class Read:
    """A GET of one path by one reader, and what the client remembers of its responses.

    Attributes:
        credentials: Headers; any of them must give the same response.
        parse: Returns the observations in the JSON of a 200.
        missing: The observations in a 404.
        refused: The observations in a 401; None where it is a failure.
        weight: How often it is sent, relative to others.
        about: The row that it names; empty for a list.
        numbers: Of responses, by the digest of their content.
        etag: Of the newest response, whose number is `number`.
    """

    path: str
    credentials: list[dict[str, str]]
    parse: Parse
    missing: list[Observation]
    refused: list[Observation] | None = None
    weight: int = 1
    about: str = ""
    numbers: dict[int, int] = field(default_factory=dict)
    etag: str = ""
    number: int = 0

    def parse_response(self, status: int, content: bytes) -> list[Observation] | None:
        """Return the observations in a response; None if it has an unexpected status."""
        if status == 200:
            return self.parse(json.loads(content))
        return {404: self.missing, 401: self.refused}.get(status)


def observe_status(status: Any) -> Observation:
    """Return the observation of a processing status in a response."""
    shows = status_shows(status["state"], status["stage"], status["message"])
    return Observation(f"status {status['novel']}", "status", shows["status"])


class ReadMaker:
    """Makes the reads of a scene; a reader is an owner, or anonymous."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._users = {owner.id: f"user {owner.id}" for owner in scene.owners}

    def make_all(self) -> list[Read]:
        """Return all reads but those of comics and logins that come and go."""
        everyone = [{}, *(each for owner in self._scene.owners for each in owner.credentials)]
        reads = [replace(read, credentials=everyone) for read in self._make_public_lists()]
        for reader in (None, *self._scene.owners):
            reads += self.make_by_id(reader)
            if reader is not None:
                reads += self._make_own(reader)
        return reads

    def make_by_id(self, reader: Owner | None) -> list[Read]:
        """Return the reads of rows that stay, each by its id."""
        scene = self._scene
        reads = [read for pk in scene.novels for read in self._make_of_novel(pk, reader)]
        return reads + [read for pk in scene.strips for read in self._make_of_strip(pk, reader)]

    def make_comic(self, comic_id: int, slot: str, reader: Owner | None) -> Read:
        """Return the read of a comic by its id, which ends when the comic is deleted."""
        view = f"id={comic_id}:own" if self._owns(slot, reader) else f"id={comic_id}"

        def parse(data: Any) -> list[Observation]:
            return [Observation(slot, view, FOUND), *self._parse_comic(data, reader)]

        gone = [Observation(slot, view, ABSENT)]
        return self.make("/comics/{comic_id}/", reader, parse, gone, values={"comic_id": comic_id})

    def make(
        self,
        route: str,
        reader: Owner | None,
        parse: Parse,
        missing: list[Observation],
        weight: int = 1,
        about: str = "",
        *,
        values: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Read:
        request = example(f"GET {route}").build(values or {}, query=query or {})
        credentials = [{}] if reader is None else reader.credentials
        return Read(request.path, credentials, parse, missing, weight=weight, about=about)

    def _make_of_novel(self, pk: int, reader: Owner | None) -> Iterator[Read]:
        row = f"novel {pk}"
        hidden, there = self._find_presence(row, reader)

        def make(route: str, parse: Parse, weight: int) -> Read:
            route = f"/novels/{{novel_id}}/{route}"
            values = {"novel_id": pk, "number": 1}
            return self.make(route, reader, parse, hidden, weight, row, values=values)

        def parse_status(data: Any) -> list[Observation]:
            return [*there, observe_status(data)]

        def parse_text(data: Any) -> list[Observation]:
            return [*there, Observation(f"text {pk}", "text", data["content"])]

        yield make("", lambda data: self._parse_novel(data, reader), 6)
        yield make("status/", parse_status, 2)
        yield make("chapters/{number}/", parse_text, 2)
        yield make("chapters/", lambda data: there, 1)

    def _make_of_strip(self, pk: int, reader: Owner | None) -> Iterator[Read]:
        row, panels = f"strip {pk}", f"panels {pk}"
        hidden, there = self._find_presence(row, reader)

        def parse(data: Any) -> list[Observation]:
            shown = [panel_value(panel["caption"], panel["width"]) for panel in data["results"]]
            if not shown and there:
                return there  # Without panels, or made private between two of its statements.
            return [*there, Observation(panels, "list", panels_show(shown)["list"])]

        def parse_comic(data: Any) -> list[Observation]:
            return self._parse_comic(data, reader)

        route, values = "/comics/{comic_id}/", {"comic_id": pk}
        yield self.make(route, reader, parse_comic, hidden, 4, row, values=values)
        route, query = f"{route}panels/", {"page_size": 100}
        yield self.make(route, reader, parse, hidden, 3, panels, values=values, query=query)

    def _find_presence(
        self, row: str, reader: Owner | None
    ) -> tuple[list[Observation], list[Observation]]:
        """Return the observations in a 404 and in a 200 of a row below the API's root."""
        own = self._owns(row, reader)
        hidden = [Observation(row, "own" if own else "anyone", ABSENT)]
        return hidden, [] if own else [Observation(row, "shown", FOUND)]

    def _make_own(self, reader: Owner) -> Iterator[Read]:
        row = self._users[reader.id]

        def parse_profile(data: Any) -> list[Observation]:
            return [Observation(row, "own", join_fields(data, PROFILE))]

        def parse_dashboard(data: Any) -> list[Observation]:
            seen = [each for novel in data["novels"] for each in self._parse_novel(novel, reader)]
            seen += [each for comic in data["comics"] for each in self._parse_comic(comic, reader)]
            return seen + [observe_status(novel["status"]) for novel in data["novels"]]

        for kind, ordering in itertools.product(("novels", "comics"), ("-created_at", "title")):
            parse = self._parse_list(kind, "own", reader, reader.id)
            query = {"owner": "me", "ordering": ordering}
            yield self.make(f"/{kind}/", reader, parse, [], 4, query=query)
        yield self.make("/users/me/", reader, parse_profile, [], 4, row)
        yield from self._make_places(reader)
        yield self.make("/users/me/dashboard/", reader, parse_dashboard, [], 4)

    def _make_places(self, reader: Owner) -> Iterator[Read]:
        own = [pk for pk in self._scene.novels if self._owns(f"novel {pk}", reader)]

        def parse(data: Any) -> list[Observation]:
            value = ABSENT if data["read_at"] is None else str(data["position"])
            return [Observation(f"place {data['novel']}", "own", value)]

        def parse_list(data: Any) -> list[Observation]:
            cards = [entry["novel"] for entry in data["results"]]
            seen = [each for card in cards for each in self._parse_novel(card, reader)]
            listed = {each["novel"]["id"]: str(each["position"]) for each in data["results"]}
            rows = ((f"place {pk}", listed.get(pk, ABSENT)) for pk in own)
            return seen + [Observation(row, "listed", value) for row, value in rows]

        route = "/novels/{novel_id}/progress/"
        for pk in own:
            yield self.make(route, reader, parse, [], 2, f"place {pk}", values={"novel_id": pk})
        yield self.make("/users/me/continue/", reader, parse_list, [], 4, query={"page_size": 100})

    def _make_public_lists(self) -> Iterator[Read]:
        """Yield the lists that are the same for all readers, as an anonymous one."""
        genres = [{"genre": genre} for genre in GENRES]
        languages = [{"language": code} for code in LANGUAGES]
        owners = [{"owner": owner.id} for owner in self._scene.owners]
        everything: list[dict[str, Any]] = [{}]
        orderings = ("-created_at", "created_at", "title", "-word_count")
        for query in (*everything, {"author": ""}, *genres, *languages, *owners):
            yield from self.make_lists("novels", query, orderings, 1 if query else 4)
        for genre, language in itertools.product(genres, languages):
            yield from self.make_lists("novels", genre | language, ("-created_at",), 2)
        for query in (*everything, *owners):
            yield from self.make_lists("comics", query, ("-created_at", "title"), 3)
        for pk, row in self._users.items():
            yield self._make_profile(pk, row)
        for pk in self._scene.strips.values():
            there = Observation(f"novel {pk}", "shown", FOUND)

            def parse(data: Any, there: Observation = there) -> list[Observation]:
                seen = [each for card in data["results"] for each in self._parse_comic(card, None)]
                return [there, *seen] if seen else []

            yield self.make("/comics/", None, parse, [], query={"novel": pk})

    def _make_profile(self, pk: int, row: str) -> Read:
        def parse(data: Any) -> list[Observation]:
            return [Observation(row, "public", join_fields(data, PROFILE))]

        gone = [Observation(row, "public", ABSENT)]
        return self.make("/users/{user_id}/", None, parse, gone, 2, row, values={"user_id": pk})

    def make_lists(
        self, kind: str, query: dict[str, Any], orderings: tuple[str, ...], weight: int
    ) -> Iterator[Read]:
        filters = [f"{name}={query[name]}" for name in ("genre", "language") if name in query]
        parse = self._parse_list(kind, "&".join(filters) or "anyone", None, query.get("owner"))
        for ordering in orderings:
            ordered = query | {"ordering": ordering}
            yield self.make(f"/{kind}/", None, parse, [], weight, query=ordered)

    def _parse_list(
        self, kind: str, view: str, reader: Owner | None, owner_id: int | None
    ) -> Parse:
        """Return how to read a list that shows rows as `view`; missing rows are absent."""
        scene, parse_card = self._scene, self._parse_novel
        rows = [f"novel {pk}" for pk in scene.novels]
        if kind == "comics":
            rows = [f"strip {pk}" for pk in scene.strips] + scene.slots
            parse_card = self._parse_comic
        expected = {row for row in rows if owner_id in (None, scene.owner_of[row].id)}

        def parse(data: Any) -> list[Observation]:
            seen = []
            for card in data["results"]:
                observations = parse_card(card, reader)
                row, value = observations[0].row, observations[0].value
                if row in scene.owner_of and row not in expected:
                    observations.append(Observation(row, FOREIGN, value))
                if view not in ("own", "anyone"):
                    observations.append(Observation(row, view, FOUND))
                seen += observations
            if not data["next"]:
                absent = expected - {each.row for each in seen}
                seen += [Observation(row, view, ABSENT) for row in sorted(absent)]
            return seen

        return parse

    def _parse_novel(self, card: Any, reader: Owner | None) -> list[Observation]:
        row = f"novel {card['id']}"
        view = "own" if self._owns(row, reader) else "anyone"
        return [Observation(row, view, join_fields(card, NOVEL)), self._parse_name(card)]

    def _parse_comic(self, card: Any, reader: Owner | None) -> list[Observation]:
        pk, strips = card["id"], self._scene.strips
        row = f"strip {pk}" if pk in strips else slot_of(card["title"])
        view = "own" if self._owns(row, reader) else "anyone"
        seen = [Observation(row, view, join_fields(card, COMIC)), self._parse_name(card)]
        if pk in strips:
            seen.append(Observation(f"panels {pk}", "count", str(card["panel_count"])))
            novel = f"novel {strips[pk]}"
            title = card["novel"]["title"] if card["novel"] else ABSENT
            view = "title:own" if self._owns(novel, reader) else "title"
            seen.append(Observation(novel, view, title))
        return seen

    def _parse_name(self, card: Any) -> Observation:
        owner = card["owner"]
        return Observation(self._users.get(owner["id"], FOREIGN), "name", owner["display_name"])

    def _owns(self, row: str, reader: Owner | None) -> bool:
        # A slot with a new name still has its first name: "Slot 3.1".
        return reader is not None and self._scene.owner_of.get(row.partition(".")[0]) is reader
