"""Which comic a request is about, and whether its caller may do that."""

from __future__ import annotations

from django.http import Http404
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS

from comics.models import Comic
from comics.querysets import ComicQuerySet
from morpheus.api.views import MorpheusAPIView


class ComicAPIView(MorpheusAPIView):
    """Base of the views under `/comics/{id}/`."""

    def comic_get(self, comics: ComicQuerySet) -> Comic:
        """Return the comic that the URL names: one query.

        Raises:
            Http404: There is none, or its owner keeps it private.
            PermissionDenied: The request would change it, and it is somebody else's.
        """
        comic = comics.visible_to(self.reader_id).filter(pk=self.kwargs["comic_id"]).first()
        if comic is None:
            raise Http404
        if self.request.method not in SAFE_METHODS and comic.owner_id != self.reader_id:
            raise PermissionDenied("Only its owner may change a comic.")
        self.answer_is_public = comic.is_public
        return comic
