"""What `GET /comics/` filters by."""

from __future__ import annotations

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from comics.querysets import ComicQuerySet
from morpheus.api.filters import compares, positive_id


@compares("novel")
def by_novel(comics: ComicQuerySet, value: str, request: Request) -> ComicQuerySet:
    """Id of a public novel."""
    return comics.of_public_novel(positive_id("novel", value))


@compares("owner", also=("me",))
def by_owner(comics: ComicQuerySet, value: str, request: Request) -> ComicQuerySet:
    """Id of a user for their public comics, or `me` for all of my own, of every visibility."""
    if value != "me":
        return comics.owned_by(positive_id("owner", value))
    if not request.user.is_authenticated:
        raise NotAuthenticated
    return comics.owned_by(request.user.pk)
