"""The API on django-bolt: the ORM, and rows instead of instances."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Q
from django_bolt import BoltAPI, Request
from django_bolt.exceptions import NotFound

from perf.lab.peers.stacks.models import Novel, Panel, Status

CARD = (
    *("id", "title", "author", "synopsis", "genre__slug", "language__code", "word_count"),
    *("chapter_count", "owner_id", "owner__display_name", "created_at", "updated_at"),
)
STATUS = ("novel_id", "state", "stage", "progress", "message", "warnings", "updated_at")
PANEL = ("id", "number", "caption", "image__digest", "image__width", "image__height")

# A handler whose text uses `objects` runs in a thread, where the ORM may block.
api = BoltAPI(trailing_slash="keep")


def format_time(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def render_novel(row: tuple[Any, ...]) -> dict[str, Any]:
    pk, title, author, synopsis, genre, language, words, chapters, owner, name, *times = row
    return {
        "id": pk,
        "title": title,
        "author": author,
        "synopsis": synopsis,
        "genre": genre,
        "language": language,
        "visibility": "public",
        "word_count": words,
        "chapter_count": chapters,
        "owner": {"id": owner, "display_name": name},
        "created_at": format_time(times[0]),
        "updated_at": format_time(times[1]),
    }


def make_page(
    request: Request,
    rows: list[tuple[Any, ...]],
    size: int,
    position: Callable[[tuple[Any, ...]], str],
    render: Callable[[tuple[Any, ...]], dict[str, Any]],
) -> dict[str, Any]:
    """Return one page; the row after it says whether there is a next one."""
    link = None
    if len(rows) > size:
        rows = rows[:size]
        cursor = base64.urlsafe_b64encode(position(rows[-1]).encode()).decode()
        link = f"{read_origin(request)}{request.path}?cursor={cursor}&page_size={size}"
    return {"next": link, "previous": None, "results": [render(row) for row in rows]}


def read_origin(request: Request) -> str:
    return f"http://{request.headers['host']}"


def read_position(cursor: str) -> str:
    return base64.urlsafe_b64decode(cursor).decode()


@api.get("/api/v1/novels/")
def list_novels(request: Request, cursor: str = "", page_size: int = 20) -> Any:
    novels = Novel.objects.filter(is_public=True)
    if cursor:
        text, pk = read_position(cursor).split(",")
        time = datetime.fromisoformat(text)
        # The first condition is what an index serves.
        older = Q(created_at__lte=time) & (Q(created_at__lt=time) | Q(id__lt=int(pk)))
        novels = novels.filter(older)
    rows = list(novels.order_by("-created_at", "-id").values_list(*CARD)[: page_size + 1])
    return make_page(
        request, rows, page_size, lambda row: f"{row[10].isoformat()},{row[0]}", render_novel
    )


@api.get("/api/v1/novels/{pk}/")
def get_novel(pk: int) -> Any:
    # `first` would sort.
    for row in Novel.objects.filter(is_public=True, pk=pk).values_list(*CARD):
        return render_novel(row)
    raise NotFound


@api.get("/api/v1/novels/{pk}/status/")
def get_status(pk: int) -> Any:
    for row in Status.objects.filter(is_public=True, pk=pk).values_list(*STATUS):
        novel, state, stage, progress, message, warnings, changed = row
        return {
            "novel": novel,
            "state": state,
            "stage": stage,
            "progress": progress,
            "message": message,
            "warnings": warnings,
            "updated_at": format_time(changed),
        }
    raise NotFound


@api.get("/api/v1/comics/{pk}/panels/")
def list_panels(request: Request, pk: int, cursor: str = "", page_size: int = 20) -> Any:
    panels = Panel.objects.filter(comic_id=pk, comic__is_public=True)
    if cursor:
        panels = panels.filter(number__gt=int(read_position(cursor)))
    rows = list(panels.order_by("number").values_list(*PANEL)[: page_size + 1])
    folder = f"{read_origin(request)}/api/v1/comics/{pk}/panels"

    def render(row: tuple[Any, ...]) -> dict[str, Any]:
        panel, number, caption, digest, width, height = row
        return {
            "id": panel,
            "number": number,
            "caption": caption,
            "image_url": f"{folder}/{number}/image/?v={digest[:16]}",
            "width": width,
            "height": height,
        }

    return make_page(request, rows, page_size, lambda row: str(row[1]), render)
