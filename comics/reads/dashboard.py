"""A user's dashboard: newest novels and comics, and totals."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from comics.cache_policies import DASHBOARD
from comics.models import Comic
from comics.reads.comics import COMIC_CARD, add_thumbnail_urls, comic_render_card, comics_add_names
from comics.serializers import DashboardTotalsSerializer
from morpheus.api.reads import Row
from morpheus.api.rendering import RowRenderer
from morpheus.cache.cached_reads import read_many
from morpheus.pagination import limit_before_joins
from novels.models import Novel, ProcessingStatus
from novels.reads import NOVEL_CARD, OWNER_NAME, PROCESSING_STATUS
from users.reads import add_owner

# Novels and comics on the dashboard; `owner=me` lists the others.
_SHOWN = 5

_TOTALS = RowRenderer(DashboardTotalsSerializer)
_STATUS_COLUMNS = [f"status__{column}" for column in PROCESSING_STATUS.columns]

# The rows of their owner that each part depends on.
_PARTS = {
    "novels": ("novels", "states"),
    "comics": ("comics",),
    "counts": ("novels", "comics"),
    "states": ("states",),
}


def dashboard_read(owner_id: int, request: Request) -> Row:
    """Return a user's newest novels and comics, and their totals.

    Tags: `owner:<id>/novels`, `…/states`, `…/comics`, `name:<id>`, and those of the comics' names.
    """
    parts = read_many(
        DASHBOARD,
        _PARTS,
        tags=lambda part: [
            f"name:{owner_id}",
            *(f"owner:{owner_id}/{rows}" for rows in _PARTS[part]),
        ],
        load=lambda parts: {part: _load(owner_id, part) for part in parts},
        reader_id=owner_id,
    )
    comics = comics_add_names(parts["comics"], owner_id)
    return {
        "novels": parts["novels"],
        "comics": add_thumbnail_urls(comics, request),
        "totals": _TOTALS.render_mapping(parts["counts"] | parts["states"]),
    }


def _load(owner_id: int, part: str) -> Any:
    novels, comics = Novel.objects.owned_by(owner_id), Comic.objects.owned_by(owner_id)
    if part == "novels":
        rows = _newest(novels.select_related("public_owner", "genre", "language", "status"))
        # With the table's own columns first, the joins read the limited rows as they are.
        own = (field.attname for field in Novel._meta.concrete_fields)
        return [
            _render_novel(row)
            for row in rows.values(*own, *NOVEL_CARD.columns, OWNER_NAME, *_STATUS_COLUMNS)
        ]
    if part == "comics":
        rows = _newest(comics.select_related("cover"))
        return [comic_render_card(row) for row in rows.values_list(*COMIC_CARD.columns)]
    if part == "counts":
        return novels.totals() | comics.totals()
    return ProcessingStatus.objects.owned_by(owner_id).totals()


def _render_novel(row: Row) -> Row:
    novel = add_owner(NOVEL_CARD.render_mapping(row), row[OWNER_NAME])
    status = [row[column] for column in _STATUS_COLUMNS]
    return novel | {"status": PROCESSING_STATUS.render(status) if status[0] else None}


def _newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    return limit_before_joins(rows.order_by("-created_at", "-id"), _SHOWN)
