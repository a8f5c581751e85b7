"""The panels of a comic, and the files of their images."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.reverse import reverse

from comics.cache_policies import PANEL, PANEL_IMAGE, PANELS
from comics.models import Panel
from comics.reads.comics import VERSION_CHARS, comic_access
from comics.serializers import PanelSerializer
from morpheus.api.reads import ListRead, PageRows, Row, WholeRows
from morpheus.api.rendering import RowRenderer
from morpheus.cache.cached_reads import VisibleValue, read_public_then_private

_PANEL = RowRenderer(PanelSerializer, {"image_url": "image__digest"})


def panel_tags(comic_id: int) -> list[str]:
    """Return the tags of a comic's panels: their rows, and their visibility."""
    return [f"panels:{comic_id}", f"comic:{comic_id}/access"]


def _render_panels(page: PageRows, request: Request) -> list[Row]:
    panels = _PANEL.render_page(page)
    _add_image_urls(panels, request.build_absolute_uri(request.path))
    return panels


def panel_render(panel: Panel, request: Request) -> Row:
    """Return a new or changed panel, whose image is loaded, as the API shows it."""
    row = _PANEL.render_instance(panel)
    _add_image_urls([row], reverse("comic-panels", [panel.comic_id], request=request))
    return row


def panel_read(
    comic_id: int, panel_id: int, reader_id: int | None, request: Request
) -> VisibleValue:
    """Return one panel as the API shows it; tags: `panel_tags`."""

    def load(viewer_id: int | None) -> Row | None:
        panels = Panel.objects.visible_to(viewer_id).for_pages(comic_id).filter(pk=panel_id)
        rows = [_PANEL.render(row) for row in panels.values_list(*_PANEL.columns)]
        return rows[0] if rows else None

    tags, identity = panel_tags(comic_id), f"{comic_id}:{panel_id}"
    panel = read_public_then_private(PANEL, identity, tags=tags, load=load, reader_id=reader_id)
    if panel.value is not None:
        _add_image_urls([panel.value], reverse("comic-panels", [comic_id], request=request))
    return panel


def _add_image_urls(panels: list[Row], panels_url: str) -> None:
    """Replace the digest of each image by its URL."""
    # The route is below the panels' in `urls.py`. Reversing it would cost more than the row.
    for panel in panels:
        version = panel["image_url"][:VERSION_CHARS]
        panel["image_url"] = f"{panels_url}{panel['number']}/image/?v={version}"


PANEL_LIST = ListRead(
    rows=lambda scope: Panel.objects.for_pages(scope.parent_id),
    parent=comic_access,
    columns=_PANEL.columns,
    orderings={"number": ("number",)},
    policy=PANELS,
    tags=lambda scope, compared, ordering: panel_tags(scope.parent_id),
    render=_render_panels,
    whole=WholeRows(
        select=lambda panels, scope: panels.visible_to(scope.reader_id),
        columns=(*_PANEL.columns, "is_public"),
        render=_render_panels,
    ),
)


def panel_image_read(comic_id: int, number: int, reader_id: int | None) -> VisibleValue:
    """Return what names the file of a panel's image, and its media type; tags: `panel_tags`."""

    def load(viewer_id: int | None) -> Row | None:
        panels = Panel.objects.visible_to(viewer_id).of_comic(comic_id)
        return panels.filter(number=number).for_image().first()

    tags, identity = panel_tags(comic_id), f"{comic_id}:{number}"
    return read_public_then_private(
        PANEL_IMAGE, identity, tags=tags, load=load, reader_id=reader_id
    )
