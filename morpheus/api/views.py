"""The base of all API views: parameters, the caller's database identity, and caching headers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, MethodNotAllowed, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from morpheus.api import idempotency
from morpheus.api.domain_errors import DomainError
from morpheus.api.inputs import explain_refusal, has_credentials, read_fields, refuse_unknown
from morpheus.api.representations import RepresentedRows
from morpheus.cache.cached_reads import VisibleValue
from morpheus.cache.dependencies import (
    CREDENTIAL,
    Credential,
    current_dependencies,
    record_dependencies,
)
from morpheus.db.replica import failed_by_replica, reads_replica
from morpheus.db.transactions import read_transaction, write_transaction
from morpheus.django_internals.django import Headers, PreparedResponse, set_headers
from morpheus.http.disk_space import has_free_space
from morpheus.http.errors import StorageFull
from morpheus.http.throttling import WriteThrottle

AnyResponse = TypeVar("AnyResponse", bound=HttpResponse)

# A client keeps the response and revalidates it, because a later read shows every earlier write.
PUBLIC = "public, no-cache"
PRIVATE = "private, no-cache"

# Of the OpenAPI document, for operations that make something.
LOCATION = OpenApiParameter(
    "Location",
    str,
    OpenApiParameter.HEADER,
    response=[201, 202],
    description="Where it is, or its progress.",
)

# Methods without a body, whose response may be cached.
READS = frozenset({"GET", "HEAD"})

# Headers that depend on the view alone; and on whether the response is public, and is to a read.
_default_headers: dict[type[APIView], dict[str, str]] = {}
_read_headers: dict[tuple[type[APIView], bool, bool], Headers] = {}

# Neither refuses a read, so reads do not run them.
_ALLOWS_READS = [IsAuthenticatedOrReadOnly]
_LIMITS_WRITES = [WriteThrottle]


class ReadRequest(Request):
    """DRF's request for a method without a body."""

    def __init__(self, request: HttpRequest, authenticators: Any, negotiator: Any) -> None:
        super().__init__(request, authenticators=authenticators, negotiator=negotiator)
        # DRF finds what its request lacks by two AttributeErrors.
        self.method, self.META = request.method, request.META


class ReadResponse(PreparedResponse):
    """A response with its body and all headers of the view; DRF adds nothing to it."""


class ParameterView(RepresentedRows, APIView):
    """Base of views that refuse query parameters that they do not declare.

    The OpenAPI document lists those of GET. Other methods take none.

    Attributes:
        problems: Codes of problems by method, beside those that follow from the declaration of the
            view; the OpenAPI document lists them.
        has_etag: Whether responses to GET have an `ETag`.
        negotiates: Whether a client's `Accept` may be refused.
    """

    problems: Mapping[str, tuple[str, ...]] = {}
    has_etag = True
    negotiates = True

    @property
    def default_response_headers(self) -> dict[str, str]:
        """As DRF's, which looks for each method every time."""
        kind = type(self)
        if kind not in _default_headers:
            _default_headers[kind] = super().default_response_headers
        return {**_default_headers[kind]}

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Return DRF's request; that of a read has no parsers."""
        if request.method not in READS:
            return super().initialize_request(request, *args, **kwargs)
        return ReadRequest(request, self.get_authenticators(), self.get_content_negotiator())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse before any look-up: the response then depends on the URL alone."""
        if not hasattr(self, (request.method or "").lower()):
            raise MethodNotAllowed(request.method or "")
        if request.META.get("QUERY_STRING"):
            is_read = request.method in SAFE_METHODS
            refuse_unknown(request.query_params, self.parameter_names() if is_read else ())
            if is_read:
                self.read_representation(request)
        super().initial(request, *args, **kwargs)

    @classmethod
    @cache
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of all parameters of GET, sorted."""
        sources = [backend() for backend in getattr(cls, "filter_backends", ())]
        if paginator := getattr(cls, "pagination_class", None):
            sources.append(paginator())
        names = {each.name for each in cls.list_parameters()}
        for source in sources:
            names |= {each["name"] for each in source.get_schema_operation_parameters(cls)}
        return tuple(sorted(names))


class MorpheusAPIView(ParameterView, GenericAPIView):  # type: ignore[type-arg]
    """Base of every API view.

    Attributes:
        may_read_replica: Whether GET reads the replica, if there is one; False if GET writes.
        changed_rows: Manager of the rows that writes change, or of their parents, if the path names
            one. The services refuse other users' rows.
        receives_files: Whether POST and PATCH take files. They are then refused before the body is
            read if there is too little free space. They open their transaction themselves, after
            the files (POST by `idempotency.writing`), and refuse other users' rows before these.
        stores_responses: Whether an `Idempotency-Key` has an effect; False for secrets.
        conditional_methods: Writes that compare `If-Match`, by `require_match`.
        varies_by: Headers of a request that its response depends on.
        without_transaction: Methods that need none, or open it themselves after something slow.
    """

    filter_backends = []
    pagination_class: Any = None
    may_read_replica = True
    changed_rows: Any = None
    receives_files = False
    stores_responses = True
    conditional_methods: frozenset[str] = frozenset()
    repeatable: idempotency.RepeatablePost | None = None
    without_transaction = frozenset(SAFE_METHODS)
    varies_by: tuple[str, ...] = ("Authorization", "Cookie")

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        view = reads_replica(view) if cls.may_read_replica else view
        view.is_api_view = True  # For `APIReadMiddleware`.
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then run the handler as the caller; a write in one transaction."""
        receives_files = self.receives_files and request.method in ("POST", "PATCH")
        # First: session authentication makes DRF read the form.
        if receives_files and not has_free_space():
            raise StorageFull
        super().initial(request, *args, **kwargs)
        if not request.user.is_authenticated:
            return
        # DRF looks up the handler after this. An error in the wrapped handler still becomes a
        # problem response, after the transaction is rolled back.
        name = (request.method or "").lower()
        if (handler := getattr(self, name, None)) is not None:
            is_write = request.method not in self.without_transaction and not receives_files
            if self.stores_responses and (post := idempotency.repeatable_post(request)):
                self.repeatable = post
                wrap = post.handle_files if receives_files else post.handle_in_transaction
                handler = wrap(handler)
            open_transaction = write_transaction if is_write else read_transaction
            handler = open_transaction(as_user=request.user.pk)(handler)
            if is_write and self.changed_rows is not None:
                pk = next(iter(kwargs.values()))  # The first in the path.
                handler = explain_refusal(handler, self.changed_rows, pk, request.user.pk)
            setattr(self, name, handler)

    def perform_authentication(self, request: Request) -> None:
        """Authenticate, and record what that depends on, apart from what the response shows.

        A request without credentials costs nothing.
        """
        if not any(has_credentials(request, each) for each in request.authenticators or ()):
            request.user, request.auth = AnonymousUser(), None
            return
        with record_dependencies() as record:
            super().perform_authentication(request)
        content = current_dependencies()
        content.hits += record.hits
        content.misses += record.misses
        # A read that is repeated on the primary reads nothing again for a session's user; what the
        # first attempt recorded stays.
        if request.user.is_authenticated and record.versions:
            # Neither a token nor a session: a test client authenticated the request.
            credential = request.auth or getattr(request, "session", None)
            expires_at = getattr(credential, "expires_at", None)
            if expires_at is not None:
                key = getattr(request.auth, "pk", None)
                caller = Credential(request.user.pk, expires_at.timestamp(), record, key)
                request.META[CREDENTIAL] = caller

    def check_permissions(self, request: Request) -> None:
        if request.method not in READS or self.permission_classes != _ALLOWS_READS:
            super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        if request.method not in READS or self.throttle_classes != _LIMITS_WRITES:
            super().check_throttles(request)

    def handle_exception(self, exc: Exception) -> Response:
        """Translate the errors of services."""
        if failed_by_replica(exc):
            raise exc  # `reads_replica` repeats the read on the primary.
        if isinstance(exc, idempotency.Replayed):
            return exc.response  # type: ignore[return-value] # as good for `finalize_response`
        if isinstance(exc, ObjectDoesNotExist):
            exc = Http404()
        elif isinstance(exc, DomainError):
            exc = _translate(exc)
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, ReadResponse):
            return response
        response = super().finalize_response(request, response, *args, **kwargs)
        vary = [*self.varies_by]
        if request.method in ("GET", "HEAD"):
            response.headers.setdefault("Cache-Control", PRIVATE)
            if response["Cache-Control"] == PUBLIC:
                # The response cache compresses public responses.
                vary = ["Accept-Encoding", *vary]
        if response.has_header("Vary"):
            patch_vary_headers(response, vary)
        else:
            response["Vary"] = ", ".join(vary)
        return response

    @property
    def user(self) -> Any:
        """The logged-in caller."""
        return self.request.user

    @property
    def reader_id(self) -> int | None:
        """Primary key of the caller, None when anonymous."""
        return self.request.user.pk if self.request.user.is_authenticated else None

    def get_object(self) -> Any:
        """Return nothing: DRF calls it before OPTIONS describes the body of a PUT."""

    def read_input(
        self, serializer: type[Serializer[Any]], *, partial: bool = False
    ) -> dict[str, Any]:
        """Return the fields of the body; see `read_fields`."""
        return read_fields(self.request.data, serializer, partial=partial)

    def respond(self, seen: VisibleValue) -> HttpResponse:
        """Return what a read found.

        Raises:
            Http404: It found nothing.
        """
        if seen.value is None:
            raise Http404
        [value] = self.represent([seen.value])
        return self.respond_data(value, is_public=seen.is_public)

    def respond_data(
        self, data: Any, *, is_public: bool, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return a response to a read, with headers of its own beside those of the view."""
        renderer, media_type = self.request.accepted_renderer, self.request.accepted_media_type
        response = self.respond_bytes(renderer.render(data, media_type, {}), is_public=is_public)
        for name, text in (headers or {}).items():
            response[name] = text
        return response

    def respond_bytes(self, body: bytes | str, *, is_public: bool) -> ReadResponse:
        """Return a response to a read whose body is JSON already, with all headers of the view."""
        key = type(self), is_public, self.request.method in READS
        if key not in _read_headers:
            plain = self.set_visibility(
                HttpResponse(content_type="application/json"), is_public=is_public
            )
            _read_headers[key] = {
                name.lower(): (name, text)
                for name, text in self.finalize_response(self.request, plain).items()
            }
        response = ReadResponse(body, content_type="application/json")
        set_headers(response, _read_headers[key])
        return response

    @staticmethod
    def set_visibility(response: AnyResponse, *, is_public: bool) -> AnyResponse:
        """Set `Cache-Control`: public if every caller gets the same response."""
        response["Cache-Control"] = PUBLIC if is_public else PRIVATE
        return response


def _translate(error: DomainError) -> APIException:
    if error.field is not None:
        return ValidationError({error.field: [str(error)]}, error.code)
    exception = APIException(str(error), error.code)
    exception.status_code = error.status
    exception.extra = error.extra  # type: ignore[attr-defined] # `build_problem_response` reads it
    return exception
