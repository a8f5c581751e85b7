"""The writes of the mix, one function each."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image

from perf.lab.example_requests import PASSWORD
from perf.seeding.chance import draws
from perf.seeding.prose import prose

from .requests import MixRequest, Visit

_SMALL_PICTURES = 8


def status_step(visit: Visit) -> MixRequest:
    """Write what the worker writes while it parses: stage and percent of one novel."""
    novel = visit.of.popular(visit.of.unfinished, visit.draw)
    percent = str(int(visit.draw() * 70))
    return MixRequest(worker_step=("advance", str(novel.id), str(novel.owner), percent))


def change_synopsis(visit: Visit) -> MixRequest:
    return _change_popular(visit, synopsis=prose(visit.of.seed).few(visit.draw, 2))


def change_title(visit: Visit) -> MixRequest:
    return _change_popular(visit, title=f"Renamed {visit.client}.{visit.turn}")


def change_visibility(visit: Visit) -> MixRequest:
    """Withdraw a novel and, the next time, publish it again."""
    novels = visit.of.reserved
    novel = novels[(visit.client + 97 * (visit.turn // 2)) % len(novels)]
    visibility = "public" if visit.turn % 2 else "private"
    return _change_novel(visit, novel.id, novel.owner, visibility=visibility)


def change_name(visit: Visit) -> MixRequest:
    member = visit.of.popular(visit.of.members, visit.draw)
    name = f"Reader {visit.client}.{visit.turn}"
    return visit.write("PATCH /users/me/", {}, member, body={"display_name": name})


def change_comic(visit: Visit) -> MixRequest:
    comic = visit.of.popular(visit.of.comics, visit.draw)
    title = {"title": f"Redrawn {visit.client}.{visit.turn}"}
    return visit.write("PATCH /comics/{comic_id}/", {"comic_id": comic.id}, comic.owner, body=title)


def new_panel(visit: Visit) -> MixRequest:
    comic = visit.of.popular(visit.of.comics, visit.draw)
    return _add_panel(visit, comic.id, comic.owner)


def life_of_a_comic(visit: Visit) -> MixRequest:
    """Create a comic, add two panels, publish and delete it, one step each time."""
    life, step = divmod(visit.turn, 5)
    owner = visit.of.members[(visit.client + 31 * life) % len(visit.of.members)]
    values = {"comic_id": "{comic}"}
    if step == 0:
        title = {"title": f"Comic {visit.client}.{life}"}
        return visit.write("POST /comics/", {}, owner, body=title, keeps_id="comic")
    if step in (1, 2):
        return _add_panel(visit, "{comic}", owner)
    if step == 3:
        public = {"visibility": "public"}
        return visit.write("PATCH /comics/{comic_id}/", values, owner, body=public)
    return visit.write("DELETE /comics/{comic_id}/", values, owner)


def life_of_a_novel(visit: Visit) -> MixRequest:
    """Upload, parse, publish and delete a novel, one step each time."""
    life, step = divmod(visit.turn, 4)
    owner = visit.of.members[(visit.client + 37 * life) % len(visit.of.members)]
    if step == 0:
        name = f"{visit.client}.{life}"
        file, body = _make_manuscript(visit, name).encode(), {"title": f"Novel {name}"}
        return visit.write("POST /novels/", {}, owner, body=body, upload=file, keeps_id="novel")
    if step == 1:
        return MixRequest(worker_step=("parse", "{novel}", str(owner)))
    if step == 2:
        return _change_novel(visit, "{novel}", owner, visibility="public")
    return visit.write("DELETE /novels/{novel_id}/", {"novel_id": "{novel}"}, owner)


def login(visit: Visit) -> MixRequest:
    email = visit.of.emails[visit.of.popular(visit.of.members, visit.draw)]
    body = {"email": email, "password": PASSWORD}
    return visit.write("POST /auth/token/", {}, None, body=body)


def _change_popular(visit: Visit, **fields: str) -> MixRequest:
    novel = visit.of.popular(visit.of.read, visit.draw)
    return _change_novel(visit, novel.id, novel.owner, **fields)


def _change_novel(visit: Visit, novel_id: object, owner: int, **fields: str) -> MixRequest:
    return visit.write("PATCH /novels/{novel_id}/", {"novel_id": novel_id}, owner, body=fields)


def _add_panel(visit: Visit, comic_id: object, owner: int) -> MixRequest:
    picture = _make_picture(int(visit.draw() * _SMALL_PICTURES))
    caption = {"caption": f"Panel {visit.client}.{visit.turn}"}
    values = {"comic_id": comic_id}
    route = "POST /comics/{comic_id}/panels/"
    return visit.write(route, values, owner, body=caption, upload=picture)


def _make_manuscript(visit: Visit, name: str) -> str:
    text = prose(visit.of.seed)
    chapters = [f"Chapter {number}\n\n{text.few(visit.draw, 8)}" for number in (1, 2, 3)]
    return "\n\n".join([*chapters, f"The end of {name}."])


@lru_cache(maxsize=_SMALL_PICTURES)
def _make_picture(kind: int) -> bytes:
    """Return a JPEG of 160 × 240 pixels, about 5 kB."""
    out = BytesIO()
    draw = draws("small picture", kind)
    image = Image.new("RGB", (4, 6))
    image.putdata([tuple(int(draw() * 255) for _ in range(3)) for _ in range(24)])
    image.resize((160, 240), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()
