"""The writing requests of the mix, one function each: what a visit changes."""

from __future__ import annotations

import json
from functools import lru_cache
from io import BytesIO

from PIL import Image

from perf.seeding.chance import draws
from perf.seeding.prose import prose

from .visit import API, JSON_TYPE, WORKER, Request, Visit, form

PASSWORD = "correct horse battery staple"  # noqa: S105 - of invented people
SMALL_PICTURES = 8


def status_step(visit: Visit) -> Request:
    """What the worker writes while it parses: stage and percent of one novel."""
    parsed = visit.of.popular(visit.of.unfinished, visit.draw)
    return Request(WORKER, f"step {parsed.id} {parsed.owner} {int(visit.draw() * 70)}")


def change_synopsis(visit: Visit) -> Request:
    own = visit.of.popular(visit.of.read, visit.draw)
    text = prose(visit.of.seed).few(visit.draw, 2)
    return visit.change(f"/novels/{own.id}/", own.owner, synopsis=text)


def change_title(visit: Visit) -> Request:
    own = visit.of.popular(visit.of.read, visit.draw)
    title = f"Renamed {visit.visitor}.{visit.turn}"
    return visit.change(f"/novels/{own.id}/", own.owner, title=title)


def change_visibility(visit: Visit) -> Request:
    """Withdraw a novel and, the next time, publish it again."""
    own = visit.of.reserved[(visit.visitor + 97 * (visit.turn // 2)) % len(visit.of.reserved)]
    visibility = "public" if visit.turn % 2 else "private"
    return visit.change(f"/novels/{own.id}/", own.owner, visibility=visibility)


def change_name(visit: Visit) -> Request:
    member = visit.of.popular(visit.of.members, visit.draw)
    return visit.change("/users/me/", member, display_name=f"Reader {visit.visitor}.{visit.turn}")


def change_comic(visit: Visit) -> Request:
    own = visit.of.popular(visit.of.comics, visit.draw)
    title = f"Redrawn {visit.visitor}.{visit.turn}"
    return visit.change(f"/comics/{own.id}/", own.owner, title=title)


def new_panel(visit: Visit) -> Request:
    own = visit.of.popular(visit.of.comics, visit.draw)
    return _panel(visit, str(own.id), own.owner)


def life_of_a_comic(visit: Visit) -> Request:
    """Made, drawn, drawn on, published and deleted, one step each time."""
    life, step = divmod(visit.turn, 5)
    owner = visit.of.members[(visit.visitor + 31 * life) % len(visit.of.members)]
    if step == 0:
        body = json.dumps({"title": f"Comic {visit.visitor}.{life}"}).encode()
        return Request("POST", f"{API}/comics/", owner, body, JSON_TYPE, keeps="comic")
    if step in (1, 2):
        return _panel(visit, "{comic}", owner)
    if step == 3:
        return visit.change("/comics/{comic}/", owner, visibility="public")
    return Request("DELETE", f"{API}/comics/{{comic}}/", owner)


def life_of_a_novel(visit: Visit) -> Request:
    """Uploaded, parsed, published and deleted, one step each time."""
    life, step = divmod(visit.turn, 4)
    owner = visit.of.members[(visit.visitor + 37 * life) % len(visit.of.members)]
    if step == 0:
        text = _manuscript(visit, f"{visit.visitor}.{life}")
        sent = form(("file", "novel.txt", text.encode()), title=f"Novel {visit.visitor}.{life}")
        return Request("POST", f"{API}/novels/", owner, keeps="novel", **sent)
    if step == 1:
        return Request(WORKER, f"parse {{novel}} {owner}")
    if step == 2:
        return visit.change("/novels/{novel}/", owner, visibility="public")
    return Request("DELETE", f"{API}/novels/{{novel}}/", owner)


def login(visit: Visit) -> Request:
    member = visit.of.popular(visit.of.members, visit.draw)
    body = json.dumps({"email": visit.of.emails[member], "password": PASSWORD}).encode()
    return Request("POST", f"{API}/auth/token/", None, body, JSON_TYPE)


def _panel(visit: Visit, comic_id: str, owner: int) -> Request:
    picture = _small_picture(int(visit.draw() * SMALL_PICTURES))
    sent = form(("image", "panel.jpg", picture), caption=f"Panel {visit.visitor}.{visit.turn}")
    return Request("POST", f"{API}/comics/{comic_id}/panels/", owner, **sent)


def _manuscript(visit: Visit, name: str) -> str:
    written = prose(visit.of.seed)
    chapters = [f"Chapter {number}\n\n{written.few(visit.draw, 8)}" for number in (1, 2, 3)]
    return "\n\n".join([*chapters, f"The end of {name}."])


@lru_cache(maxsize=SMALL_PICTURES)
def _small_picture(kind: int) -> bytes:
    """Return a JPEG of 160 × 240 pixels, some 5 kB."""
    out = BytesIO()
    draw = draws("small picture", kind)
    colours = [tuple(int(draw() * 255) for _ in range(3)) for _ in range(24)]
    image = Image.new("RGB", (4, 6))
    image.putdata(colours)
    image.resize((160, 240), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()
