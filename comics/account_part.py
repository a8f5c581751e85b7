"""The comics of a user: exported with their pictures, and deleted one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from comics.images.files import image_name
from comics.models import Comic, Panel
from comics.services.comics import comic_delete
from morpheus.db.transactions import read_as, write_transaction
from morpheus.worker.tasks import hold_task
from users.account_parts import AccountPart, ExportFile, read_rows, stored_file

# Rows of one statement.
_COMICS, _PANELS = 100, 1000

_COLUMNS = ("id", "title", "novel_id", "is_public", "panel_count", "created_at", "updated_at")
_PANEL_COLUMNS = (
    *("number", "caption", "image__width", "image__height"),
    *("image__digest", "image__media_type", "image__generation"),
)


def _count(user_id: int) -> int:
    return read_as(user_id, Comic.objects.owned_by(user_id).count)


def _export(user_id: int) -> Iterator[Iterable[ExportFile]]:
    own = Comic.objects.owned_by(user_id)
    for comic in read_rows(user_id, own, _COLUMNS, size=_COMICS):
        yield _list_files(user_id, comic)


def _list_files(user_id: int, comic: dict[str, Any]) -> Iterator[ExportFile]:
    folder = f"comics/{comic['id']}"
    yield ExportFile(f"{folder}/comic.json", lambda: _render(user_id, comic))
    for panel in _list_panels(user_id, comic["id"]):
        stored = image_name(*_file_of(panel))
        yield stored_file(f"{folder}/{_picture_name(panel)}", "images", stored)


def _render(user_id: int, comic: dict[str, Any]) -> Iterator[bytes]:
    """Return a comic with its panels as JSON, panel by panel."""
    yield orjson.dumps(comic).removesuffix(b"}") + b',"panels":['
    comma = b""
    for panel in _list_panels(user_id, comic["id"]):
        shown = {
            "number": panel["number"],
            "caption": panel["caption"],
            "width": panel["image__width"],
            "height": panel["image__height"],
            "file": _picture_name(panel),
        }
        yield comma + orjson.dumps(shown)
        comma = b","
    yield b"]}"


def _list_panels(user_id: int, comic_id: int) -> Iterator[dict[str, Any]]:
    panels = Panel.objects.of_comic(comic_id)
    return read_rows(user_id, panels, _PANEL_COLUMNS, size=_PANELS, key="number")


def _file_of(panel: dict[str, Any]) -> tuple[str, str, str]:
    return panel["image__digest"], panel["image__media_type"], panel["image__generation"]


def _picture_name(panel: dict[str, Any]) -> str:
    extension = image_name(*_file_of(panel)).rpartition(".")[2]
    return f"{panel['number']:06}.{extension}"


def _delete(user_id: int) -> bool:
    with write_transaction(as_user=user_id):
        hold_task()
        comic_id = Comic.objects.owned_by(user_id).values_list("pk", flat=True).first()
        if comic_id is None:
            return False
        try:
            comic_delete(comic_id=comic_id, owner_id=user_id)
        except Comic.DoesNotExist:
            pass  # Another run has deleted it.
    return True


COMICS = AccountPart(count=_count, export=_export, delete=_delete)
