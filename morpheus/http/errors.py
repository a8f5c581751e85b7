"""Errors as clients see them: RFC 9457 `application/problem+json`, whoever raised them."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from morpheus.http.bulkhead import Busy
from morpheus.http.disk_space import is_disk_full
from morpheus.sandbox import Unavailable
from morpheus.tracing.routes import route_of

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

# Seconds after which a client may try again when the database is out of reach or its pool is full.
RETRY_AFTER_S = 2


class Conflict(exceptions.APIException):
    """409: the request is right but contradicts what is stored; `extra` joins the problem."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "This contradicts what is stored."
    default_code = "conflict"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.extra = extra


def build_problem(status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """Return the members of a problem; `extra` may hold `errors` by field."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **extra,
    }


def build_problem_response(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn an exception into a problem; DRF's `EXCEPTION_HANDLER`.

    Returns None for what is a fault of ours: Django logs it and answers 500.
    """
    if _is_database_full(context["request"], exc):
        _log_unavailable(context["request"], exc, HTTPStatus.INSUFFICIENT_STORAGE)
        exc = StorageFull(_DATABASE_FULL)
        headers = {}
    elif isinstance(exc, OperationalError | InterfaceError):
        _log_unavailable(context["request"], exc)
        exc = exceptions.APIException(_BUSY)
        exc.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        headers = {"Retry-After": str(RETRY_AFTER_S)}
    else:
        exc = _as_api_exception(exc)
        if not isinstance(exc, exceptions.APIException):
            return None
        headers = _headers(exc)
    set_rollback()
    # Whatever the view renders otherwise (YAML, a page): a problem is JSON.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    body = build_problem(exc.status_code, *_detail(exc), **_extra(exc))
    return Response(body, exc.status_code, headers=headers, content_type=CONTENT_TYPE)


_BUSY = "The database is out of reach or busy; try again shortly."
_DATABASE_FULL = "The database has no room for this at the moment; what it holds can be read."


def _is_database_full(request: HttpRequest | Request, exception: BaseException) -> bool:
    """Tell whether a write found the database's disk full; a read may only have to wait."""
    is_from_database = isinstance(exception, OperationalError)
    return is_from_database and request.method not in SAFE_METHODS and is_disk_full(exception)


def _log_unavailable(
    request: HttpRequest | Request,
    exception: BaseException,
    status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE,
) -> None:
    is_busy = status == HTTPStatus.SERVICE_UNAVAILABLE
    reason = "database out of reach or busy" if is_busy else "the database's disk is full"
    logger.error("Responded %d to %s: %s: %s", status, route_of(request), reason, exception)


class StorageFull(exceptions.APIException):
    """507: there is no room for what was sent."""

    status_code = HTTPStatus.INSUFFICIENT_STORAGE
    default_detail = "There is no room for this file at the moment; the operator has been told."
    default_code = "storage_full"


class SandboxBusy(exceptions.APIException):
    """503: no child process is to be had within the time to wait for one.

    Attributes:
        wait: Seconds after which the client may try again.
    """

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "Too many files are being read at the moment; try again shortly."
    default_code = "busy"
    wait = RETRY_AFTER_S


def _as_api_exception(exc: Exception) -> Exception:
    if isinstance(exc, Busy | Unavailable):
        logger.warning("Responded 503: %s", exc)
        return SandboxBusy()
    if isinstance(exc, OSError) and is_disk_full(exc):
        logger.error("No room left: %s", exc)
        return StorageFull()
    if isinstance(exc, Http404):
        return exceptions.NotFound("There is nothing here, or it is not yours to see.")
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied(str(exc) or None)
    if isinstance(exc, RequestDataTooBig):
        return exceptions.ParseError(str(exc))
    if isinstance(exc, UnreadablePostError):
        status, detail = _incomplete(exc)
        incomplete = exceptions.ParseError(detail)
        incomplete.status_code = status
        return incomplete
    if isinstance(exc, DataError):
        return exceptions.ParseError("A value is out of range or malformed.")
    return exc


def _headers(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait_s := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = f"{max(1, math.ceil(wait_s))}"
    return headers


def _detail(exc: exceptions.APIException) -> tuple[str]:
    detail = exc.detail
    if isinstance(detail, dict):
        return ("Some fields are not valid.",)
    return (" ".join(map(str, detail)) if isinstance(detail, list) else str(detail),)


def _extra(exc: exceptions.APIException) -> dict[str, Any]:
    extra = dict(getattr(exc, "extra", {}))
    if isinstance(exc.detail, dict):
        extra["errors"] = exc.detail
    return extra


def _incomplete(exc: UnreadablePostError) -> tuple[int, str]:
    """Return status and detail for a request body that did not arrive whole."""
    cause: BaseException | None = exc
    while isinstance(cause, UnreadablePostError):  # Django wraps it once or twice.
        cause = cause.__cause__
    if getattr(cause, "is_overdue", False):  # Set by the server (`morpheus.serving.transfers`).
        return HTTPStatus.REQUEST_TIMEOUT, "The request body came too slowly; send it again."
    return HTTPStatus.BAD_REQUEST, "The request body ended before its announced length."


def _plain(status: int, detail: str, **headers: str) -> HttpResponse:
    body = json.dumps(build_problem(status, detail))
    return HttpResponse(body, CONTENT_TYPE, status, headers=headers)


def method_not_allowed(allowed: Iterable[str]) -> HttpResponse:
    """Return 405 for a method that nothing here knows."""
    return _plain(405, "This method is not known here.", Allow=", ".join(allowed))


def length_required() -> HttpResponse:
    """Return 411 for a body of unannounced length: WSGI would take it for an empty one."""
    return _plain(411, "Send the body's Content-Length; chunks of unknown number are not read.")


def service_unavailable(request: HttpRequest, exception: BaseException) -> HttpResponse:
    """Return 503 with `Retry-After`, for a write to a full database 507, and log why."""
    if _is_database_full(request, exception):
        _log_unavailable(request, exception, HTTPStatus.INSUFFICIENT_STORAGE)
        return _plain(507, _DATABASE_FULL)
    _log_unavailable(request, exception)
    return _plain(503, _BUSY, **{"Retry-After": str(RETRY_AFTER_S)})


def body_incomplete(exception: UnreadablePostError) -> HttpResponse:
    """Answer 400 or 408 to a request body that did not arrive whole."""
    return _plain(*_incomplete(exception))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 to what Django refuses before a view sees it."""
    return _plain(400, "The request is malformed.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 outside the API's views."""
    if request.path.startswith("/admin/"):
        return defaults.permission_denied(request, exception)
    return _plain(403, "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for a URL that no route has."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return _plain(404, "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; the exception itself is in the log under the answer's `X-Request-ID`.

    What a middleware raised (SessionMiddleware saves after the view) comes here past
    `process_exception`; a lost database is 503 there as well.
    """
    exception = sys.exception()
    if isinstance(exception, OperationalError | InterfaceError):
        return service_unavailable(request, exception)
    if exception is not None and is_disk_full(exception):
        return _plain(507, StorageFull.default_detail)
    return _plain(500, "Something went wrong on our side; it has been logged.")
