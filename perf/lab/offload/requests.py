"""A request of the mix before it is sent, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perf.lab.example_requests import HttpRequest, example
from perf.seeding.chance import Draw

from .subjects import Novel, Subjects


@dataclass(frozen=True, slots=True)
class MixRequest:
    """One request, or one step of the background worker.

    Attributes:
        http: The path may name ids of earlier responses to the same client: `{novel}`, `{comic}`.
        worker_step: Of a worker's step, which is no request: its name and its arguments.
        reader: The user whose token is sent; None: anonymous.
        listing: Name of the list that is read, whose next page the client remembers.
        is_next_page: Whether to read the page after the client's last page of that list.
        keeps_id: The name under which the client remembers the id in the response.
        revalidates: Whether the entity tag of an earlier response is sent.
    """

    http: HttpRequest = HttpRequest("", "")
    worker_step: tuple[str, ...] = ()
    reader: int | None = None
    listing: str = ""
    is_next_page: bool = False
    keeps_id: str = ""
    name: str = ""
    is_write: bool = False
    revalidates: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request is drawn from.

    Attributes:
        member: The logged-in user; None: an anonymous client.
        client: Number of the client.
        turn: How many requests of this kind the client has made.
    """

    of: Subjects
    draw: Draw
    member: int | None
    client: int
    turn: int

    def read(
        self,
        route: str,
        values: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        reader: int | None = None,
        **fields: Any,
    ) -> MixRequest:
        """Return a GET by its documented route, as the member or as `reader`."""
        request = example(route).build(values or {}, query=query or {})
        return MixRequest(request, reader=reader or self.member, **fields)

    def read_next(self, route: str, listing: str) -> MixRequest:
        """Return a GET of the page after the client's last page of a list."""
        return self.read(route, listing=listing, is_next_page=True)

    def write(
        self,
        route: str,
        values: Mapping[str, object],
        reader: int | None,
        *,
        body: Mapping[str, str] | None = None,
        upload: bytes | None = None,
        keeps_id: str = "",
    ) -> MixRequest:
        """Return a write by its documented route."""
        request = example(route).build(values, body=body or {}, upload=upload)
        return MixRequest(request, reader=reader, keeps_id=keeps_id)

    def popular_novel(self) -> dict[str, object]:
        """Return the id of a public novel as a value for a route."""
        return {"novel_id": self.of.popular(self.of.read, self.draw).id}

    def popular_comic(self) -> dict[str, object]:
        """Return the id of a public comic as a value for a route."""
        return {"comic_id": self.of.popular(self.of.comics, self.draw).id}

    def popular_chapter(self) -> dict[str, object]:
        """Return a chapter of a public novel: many readers begin a book, few end it."""
        novel = self.of.popular(self.of.read, self.draw)
        return {"novel_id": novel.id, "number": 1 + int(self.draw() ** 2 * novel.chapters)}

    def own_novel(self) -> Novel:
        """Return a private novel, which only its owner reads."""
        return self.of.popular(self.of.private, self.draw)
