"""Errors as clients see them: RFC 9457 `application/problem+json`, inside and outside of views."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views import defaults
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.exceptions import PermissionDenied as APIPermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from morpheus.http.bulkhead import Busy
from morpheus.http.disk_space import is_disk_full
from morpheus.http.problem_codes import PROBLEMS, listed_code, problem_page
from morpheus.http.violation_codes import VIOLATIONS
from morpheus.sandbox import Unavailable
from morpheus.storage.files import StorageUnavailable
from morpheus.tracing.request_trace import current_parent
from morpheus.tracing.routes import request_id, route_of

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

# Seconds after which a client may retry when the database is unreachable or its pool is full.
RETRY_AFTER_S = 2


class ServiceUnavailable(APIException):
    """503 with `Retry-After`."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    default_detail = "The database is unreachable or busy. Try again shortly."
    wait = RETRY_AFTER_S


class StorageFull(APIException):
    """507: a disk or a quota is full."""

    status_code = HTTPStatus.INSUFFICIENT_STORAGE
    default_code = "storage_full"
    default_detail = "There is not enough storage space for this file."


class InvalidParameters(ValidationError):
    """400: query parameters are wrong. In a request without a body, every field is one."""


class BodyIncomplete(ParseError):
    """400 or 408: the request body did not arrive whole."""

    def __init__(self, error: UnreadablePostError) -> None:
        cause: BaseException | None = error
        while isinstance(cause, UnreadablePostError):  # Django wraps it once or twice.
            cause = cause.__cause__
        if getattr(cause, "is_overdue", False):  # Set by the server (`morpheus.serving.transfers`).
            self.status_code = HTTPStatus.REQUEST_TIMEOUT
            super().__init__("The request body arrived too slowly. Send it again.", "body_too_slow")
        else:
            super().__init__("The request body ended before its Content-Length.", "body_incomplete")


def build_problem(code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """Return the members of a problem with a code of `PROBLEMS`.

    It has the id of the request. A caller that sent a `traceparent` gets its `trace_id` back.
    """
    kind = PROBLEMS[code]
    members = {
        "type": problem_page(code),
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": detail,
        "request_id": request_id.get(),
    }
    if (parent := current_parent()) is not None:
        members["trace_id"] = parent.trace_id
    return members | extra


def build_problem_response(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn an exception of a view into a problem; DRF's `EXCEPTION_HANDLER`.

    Returns None for a fault of the server: Django logs it and responds 500.
    """
    error = _translate(exc, context["request"])
    if error is None:
        return None
    set_rollback()
    # A problem is JSON, also where the view renders YAML or a page.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    in_query = isinstance(error, InvalidParameters) or context["request"].method in SAFE_METHODS
    body = _build_body(error, in_query)
    return Response(body, error.status_code, headers=_headers(error), content_type=CONTENT_TYPE)


def respond_with(error: APIException) -> HttpResponse:
    """Return the problem of an error outside of views."""
    body = json.dumps(_build_body(error, in_query=False))
    return HttpResponse(body, CONTENT_TYPE, error.status_code, headers=_headers(error))


def respond(code: str, detail: str, **headers: str) -> HttpResponse:
    """Return the problem of a code outside of views."""
    body = json.dumps(build_problem(code, detail))
    return HttpResponse(body, CONTENT_TYPE, PROBLEMS[code].status, headers=headers)


def respond_to_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Respond to a lost database, a full disk and an incomplete body; None for other exceptions."""
    known = (OperationalError, InterfaceError, UnreadablePostError)
    is_known = isinstance(exception, known) or is_disk_full(exception)
    error = _translate(exception, request) if is_known else None
    return respond_with(error) if error else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400 for a request that Django refuses before a view sees it."""
    return respond("malformed_request", "Malformed request.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 403 outside of the API's views."""
    if request.path.startswith("/admin/"):
        return defaults.permission_denied(request, exception)
    return respond("permission_denied", "You do not have permission to perform this action.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 404 for a URL that no route has."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return respond("not_found", "Not found.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500; the log has the exception under the response's `X-Request-ID`.

    Exceptions of middleware (SessionMiddleware saves after the view) come here past
    `process_exception`.
    """
    exception: Any = sys.exception()
    response = respond_to_exception(request, exception)
    return response or respond("server_error", "Internal server error.")


def _translate(exc: Exception, request: HttpRequest | Request) -> APIException | None:
    """Return the API's error for an exception; None for a fault of the server."""
    if isinstance(exc, APIException):
        return exc
    if isinstance(exc, OperationalError | InterfaceError):
        return _translate_database_error(exc, request)
    if isinstance(exc, Busy | Unavailable):
        logger.warning("Responded 503: %s", exc)
        detail = "Too many files are being processed. Try again shortly."
        return ServiceUnavailable(detail, "files_busy")
    if isinstance(exc, StorageUnavailable):
        detail = "The file storage is unreachable. Try again shortly."
        return ServiceUnavailable(detail, "storage_unavailable")
    if isinstance(exc, OSError) and is_disk_full(exc):
        logger.error("The disk is full: %s", exc)
        return StorageFull()
    if isinstance(exc, Http404):
        return NotFound()
    if isinstance(exc, PermissionDenied):
        return APIPermissionDenied(str(exc) or None)
    if isinstance(exc, RequestDataTooBig):
        return ParseError(str(exc), "body_too_large")
    if isinstance(exc, UnreadablePostError):
        return BodyIncomplete(exc)
    if isinstance(exc, DataError):
        return ParseError("A value is out of range or malformed.", "malformed_request")
    return None


def _translate_database_error(exc: BaseException, request: HttpRequest | Request) -> APIException:
    error: APIException = ServiceUnavailable()
    reason = "the database is unreachable or busy"
    # A read that meets a full disk may only have to wait.
    if is_disk_full(exc) and request.method not in SAFE_METHODS:
        reason = "the database's disk is full"
        error = StorageFull("The database's disk is full. Reading still works.")
    logger.error("Responded %d to %s: %s: %s", error.status_code, route_of(request), reason, exc)
    return error


def _build_body(error: APIException, in_query: bool) -> dict[str, Any]:
    """Return the problem of an error; `in_query` tells where its fields are."""
    detail, extra = error.detail, dict(getattr(error, "extra", {}))
    of_fields = "invalid_parameters" if in_query else "invalid_input"
    if isinstance(detail, dict):
        violations = [*_list_violations(detail, in_query)]
        return build_problem(
            of_fields, "Invalid input.", **extra, errors=detail, violations=violations
        )
    messages = detail if isinstance(detail, list) else [detail]
    code = getattr(messages[0], "code", "") if messages else ""
    if isinstance(error, ValidationError) and code not in PROBLEMS:
        code = of_fields
    text = " ".join(map(str, messages))
    return build_problem(listed_code(code, error.status_code), text, **extra)


def _list_violations(detail: Any, in_query: bool, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield the place, the code and the message of each error of a field.

    The place is a JSON pointer into the body (RFC 6901), or the name of a query parameter.
    """
    if isinstance(detail, dict):
        for name, inner in detail.items():
            if name == api_settings.NON_FIELD_ERRORS_KEY:
                yield from _list_violations(inner, in_query, pointer)
                continue
            token = str(name) if in_query else str(name).replace("~", "~0").replace("/", "~1")
            yield from _list_violations(inner, in_query, f"{pointer}/{token}")
    elif isinstance(detail, list):
        # A list of objects has an entry for each of them; any other has messages.
        of_items = any(isinstance(each, dict) for each in detail)
        for number, inner in enumerate(detail):
            place = f"{pointer}/{number}" if of_items else pointer
            yield from _list_violations(inner, in_query, place)
    else:
        where = {"parameter": pointer[1:]} if in_query else {"pointer": pointer}
        code = getattr(detail, "code", "invalid")
        yield where | {"code": code if code in VIOLATIONS else "invalid", "detail": str(detail)}


def _headers(error: APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait_s := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = f"{max(1, math.ceil(wait_s))}"
    return headers
