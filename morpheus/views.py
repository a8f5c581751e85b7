"""What all API views share: the caller's identity in the database, and honest caching headers."""

from __future__ import annotations

from typing import Any

from django.utils.cache import patch_cache_control, patch_vary_headers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.db.identity import acting_as


class MorpheusAPIView(GenericAPIView):  # type: ignore[type-arg]
    """Base of every API view.

    Attributes:
        answer_is_public: Whether the answer is the same for everyone; a view whose answer depends
            on what it reads sets it on itself while it answers.
    """

    answer_is_public = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then run the handler in a transaction that knows the caller."""
        super().initial(request, *args, **kwargs)
        # DRF looks the handler up after this: wrapped, its errors still become problems, and they
        # have rolled the transaction back by then.
        name = (request.method or "").lower()
        handler = getattr(self, name, None)
        if handler is not None and request.user.is_authenticated:
            setattr(self, name, acting_as(request.user.pk)(handler))

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and not response.has_header("Cache-Control"):
            # `no-cache` keeps the answer but asks first: a write is seen by every later read.
            if self.answer_is_public and response.status_code == 200:
                patch_cache_control(response, public=True, no_cache=True)
            else:
                patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    @property
    def reader_id(self) -> int | None:
        """Primary key of the caller, None when anonymous."""
        return self.request.user.pk if self.request.user.is_authenticated else None
