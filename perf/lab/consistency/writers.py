"""Writers of rows over HTTP: each is a generator of writes that are sent one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from perf.lab.example_bodies import draw_picture
from perf.lab.example_catalogue import example
from perf.lab.example_requests import HttpRequest, bearer
from perf.lab.multipart_forms import Upload

from .scene import (
    Owner,
    Scene,
    comic_shows,
    flip_visibility,
    next_comic,
    next_novel,
    novel_shows,
    panel_value,
    panels_show,
    place_shows,
    user_shows,
)

# Few, so that orders and deletions meet the same panels again.
PANELS_MAX = 12
PANEL_WRITES = ("add", "add", "change", "order", "delete")
# By their widths. That of the example of a new panel is wider.
PICTURES = {width: draw_picture("teal", width) for width in (8, 16)}
PICTURE_WIDTH = 400
SLOT_WRITES = ("change", "change", "delete", "flip")
# Of novels that are changed, followed by another visibility.
FLIPPED = 0.2
ACTIONS = {"public": "publish", "private": "withdraw"}
FIRST_READ_AT = datetime(2026, 1, 1, tzinfo=UTC)


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
    raced = list(scene.novels)[::5]
    writers = [
        *(_write_novel(scene, pk, "A", random, is_alone=pk not in raced) for pk in scene.novels),
        *(_write_profile(owner) for owner in scene.owners),
        *(_write_strip(scene, pk, random) for pk in scene.strips),
        *(_write_panels(scene, pk, random) for pk in scene.strips),
        *(_write_place(scene, pk, random) for pk in scene.novels),
        *(_write_slot(scene.owner_of[slot], slot, random) for slot in scene.slots),
    ]
    racing = [_write_novel(scene, pk, "B", random, is_alone=False) for pk in raced]
    return writers[client::clients] + racing[(client + clients - 1) % clients :: clients]


def _write_novel(scene: Scene, pk: int, name: str, random: Random, *, is_alone: bool) -> Writer:
    """Change a novel; each write sets all fields, so that an earlier failure does not matter.

    At times the bulk route then sets the visibility alone. It needs to know the other fields, so
    it is used only `is_alone` and before the first failure. If it fails itself, they are unknown.
    """
    row, state, is_known = f"novel {pk}", scene.novels[pk], is_alone
    owner = scene.owner_of[row]
    for unique in _make_unique(f"{pk} {name}"):
        state = next_novel(state, unique, random)
        request = _build("PATCH /novels/{novel_id}/", owner, pk, state)
        data = yield Attempt(row, request, novel_shows(state))
        is_known = is_known and data is not None
        if is_known and random.random() < FLIPPED:
            state = flip_visibility(state)
            request = _build_bulk("novels", owner, pk, ACTIONS[state["visibility"]])
            if (yield Attempt(row, request, novel_shows(state))) is None:
                return


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


def _write_panels(scene: Scene, pk: int, random: Random) -> Writer:
    """Add, change, order and delete panels until one write fails: then they are unknown."""
    owner = scene.owner_of[f"strip {pk}"]
    # Ids with their values, in reading order.
    panels: list[tuple[int, str]] = []
    for unique in _make_unique(str(pk)):
        kind = random.choice(PANEL_WRITES)
        if not panels or (kind == "add" and len(panels) < PANELS_MAX):
            after = [*panels, (0, panel_value(unique, PICTURE_WIDTH))]
            request = _build("POST /comics/{comic_id}/panels/", owner, pk, {"caption": unique})
        elif kind in ("order", "add"):
            after = random.sample(panels, len(panels))
            request = _build(
                "PUT /comics/{comic_id}/panels/order/", owner, pk, {"panels": [*dict(after)]}
            )
        else:
            at = random.randrange(len(panels))
            request, value = _change_panel(kind, owner, pk, panels[at][0], unique, random)
            after = panels[:at] + panels[at + 1 :]
            if value is not None:
                after.insert(at, (panels[at][0], value))
        shows = panels_show([value for _, value in after])
        data = yield Attempt(f"panels {pk}", request, shows)
        if data is None:
            return
        # The new one, whose id the response has.
        panels = [(panel_id or data["id"], value) for panel_id, value in after]


def _change_panel(
    kind: str, owner: Owner, pk: int, panel_id: int, unique: str, random: Random
) -> tuple[HttpRequest, str | None]:
    """Return a change of one panel, and its value afterwards; None if it is deleted."""
    if kind == "delete":
        route = "DELETE /comics/{comic_id}/panels/{panel_id}/"
        return _build(route, owner, pk, panel_id=panel_id), None
    width = random.choice([*PICTURES])
    sent = replace(
        example("PATCH /comics/{comic_id}/panels/{panel_id}/"),
        upload=Upload("image", "panel.png", PICTURES[width]),
    )
    values = {"comic_id": pk, "panel_id": panel_id}
    request = sent.build(values, body={"caption": unique}, headers=_headers(owner))
    return request, panel_value(unique, width)


def _write_place(scene: Scene, pk: int, random: Random) -> Writer:
    """Read on in an own novel, finish it, or forget the place; at times as after reading offline.

    The client's time grows with each write, so a write that fails and comes late loses.
    """
    row, owner = f"place {pk}", scene.owner_of[f"novel {pk}"]
    for version in itertools.count(1):
        if random.random() < 0.2:
            request = _build("DELETE /novels/{novel_id}/progress/", owner, pk)
            yield Attempt(row, request, {})
            continue
        is_finished = random.random() < 0.2
        place = {
            "chapter": 1,
            "position": version / 1_000_000,
            "finished": is_finished,
            "read_at": (FIRST_READ_AT + timedelta(seconds=version)).isoformat(),
        }
        if random.random() < 0.5:
            request = _build("PUT /novels/{novel_id}/progress/", owner, pk, place)
        else:
            entries = [{"novel": pk, **place}]
            request = _build("PUT /users/me/progress/", owner, None, {"entries": entries})
        yield Attempt(row, request, place_shows(version / 1_000_000, is_finished=is_finished))


def _write_slot(owner: Owner, name: str, random: Random) -> Writer:
    """Create a comic, change and delete it, again and again: at most one exists at a time.

    After a failure the comic may exist or not, so the slot gets a new name.
    """
    row, comic_id, kind = name, None, "create"
    state: dict[str, str] = {}
    for number in itertools.count(1):
        # No flip follows a flip, so that each state is unique.
        following = SLOT_WRITES[:-1] if kind == "flip" else SLOT_WRITES
        kind = random.choice(following) if comic_id else "create"
        shows: dict[str, str] = {}
        if kind == "delete":
            single = _build("DELETE /comics/{comic_id}/", owner, comic_id)
            request = random.choice((single, _build_bulk("comics", owner, comic_id, "delete")))
        elif kind == "flip":
            state = flip_visibility(state)
            request = _build_bulk("comics", owner, comic_id, ACTIONS[state["visibility"]])
        else:
            state = next_comic(f"{row} v{number}", random)
            route = "PATCH /comics/{comic_id}/" if comic_id else "POST /comics/"
            request = _build(route, owner, comic_id, state)
        if kind != "delete":
            shows = comic_shows(state, comic_id) if comic_id else comic_shows(state)
        data = yield Attempt(row, request, shows)
        if data is None:
            row = f"{name}.{number}"
        if data is None or kind == "delete":
            comic_id = None
        elif kind == "create":
            comic_id = data["id"]


def _make_unique(name: str) -> Iterator[str]:
    """Yield texts that no other writer has."""
    return (f"{name} v{number}" for number in itertools.count(1))


def _build(
    route: str,
    owner: Owner,
    pk: int | None,
    body: Mapping[str, object] | None = None,
    panel_id: int | None = None,
) -> HttpRequest:
    values = {"novel_id": pk, "comic_id": pk, "panel_id": panel_id}
    return example(route).build(values, body=body or {}, headers=_headers(owner))


def _build_bulk(kind: str, owner: Owner, pk: int | None, action: str) -> HttpRequest:
    """Return a change of one row by the route for many: each row has its own history."""
    return _build(f"POST /{kind}/bulk/", owner, None, {"action": action, "ids": [pk]})


def _headers(owner: Owner) -> dict[str, str]:
    return {"Accept-Encoding": "gzip", **bearer(owner.token)}
