"""What all API views share: the caller's identity in the database, and honest caching headers."""

from __future__ import annotations

from typing import Any

from django.utils.cache import patch_vary_headers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.parameters import ParameterView
from morpheus.db.replica import failed_by_replica, reads_replica
from morpheus.db.transactions import read_transaction, write_transaction
from morpheus.http.disk_space import has_free_space
from morpheus.http.errors import StorageFull


class MorpheusAPIView(ParameterView, GenericAPIView):  # type: ignore[type-arg]
    """Base of every API view.

    Attributes:
        answer_is_public: Whether the answer is the same for everyone; a view whose answer depends
            on what it reads sets it on itself while it answers.
        may_read_replica: Whether GET reads the replica, if there is one; not where it writes.
        receives_files: Whether POST takes files; then it is refused, before its body is read, while
            there is too little free space.
    """

    answer_is_public = False
    may_read_replica = True
    receives_files = False

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        return reads_replica(view) if cls.may_read_replica else view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then run the handler as the caller; a write, in one transaction."""
        # First: to authenticate by a session, DRF reads the form.
        if self.receives_files and request.method == "POST" and not has_free_space():
            raise StorageFull
        super().initial(request, *args, **kwargs)
        # DRF looks the handler up after this: wrapped, its errors still become problems, and they
        # have rolled the transaction back by then.
        name = (request.method or "").lower()
        handler = getattr(self, name, None)
        if handler is not None and request.user.is_authenticated:
            identity = read_transaction if request.method in SAFE_METHODS else write_transaction
            setattr(self, name, identity(as_user=request.user.pk)(handler))

    def handle_exception(self, exc: Exception) -> Response:
        if failed_by_replica(exc):
            raise exc  # `reads_replica` asks the primary.
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        vary = ["Authorization", "Cookie"]
        if request.method in ("GET", "HEAD") and not response.has_header("Cache-Control"):
            # `no-cache` keeps the answer but asks first: a write is seen by every later read.
            is_public = self.answer_is_public and response.status_code == 200
            response["Cache-Control"] = "public, no-cache" if is_public else "private, no-cache"
            # The fast lane compresses what is public.
            vary = ["Accept-Encoding", *vary] if is_public else vary
        if response.has_header("Vary"):
            patch_vary_headers(response, vary)
        else:
            response["Vary"] = ", ".join(vary)
        return response

    @property
    def reader_id(self) -> int | None:
        """Primary key of the caller, None when anonymous."""
        return self.request.user.pk if self.request.user.is_authenticated else None
