"""Conditional writes: `If-Match` and `If-None-Match` are compared in the write's transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from morpheus.http.middleware import compute_etag
from morpheus.http.rendering import JSONRenderer

_OPAQUE = re.compile(r'(?:W/)?("[^"]*")')


class PreconditionFailed(APIException):
    """412: the object is no longer as the client read it."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "precondition_failed"
    default_detail = "The object has changed since you read it. Read it again."


def has_condition(headers: Mapping[str, str]) -> bool:
    """Return whether a write has a condition; `headers` is `request.META`."""
    return "HTTP_IF_MATCH" in headers or "HTTP_IF_NONE_MATCH" in headers


def require_match(request: Request, rows: QuerySet[Any], represent: Callable[[], Any]) -> None:
    """Lock the rows of a write, and compare its conditions with the representation that GET shows.

    In the transaction of the write: of two clients that send the same `ETag`, the second one waits
    for the lock and then reads the representation that the first one wrote. Costs nothing without
    a condition. A row that the caller may not change is left to the service, which refuses it.

    Args:
        represent: Returns the data of the representation from the database; None without one.

    Raises:
        PreconditionFailed: A condition is not met.
    """
    if not has_condition(request.META):
        return
    # A deletion conflicts with new rows that name this one; it would upgrade a weaker lock.
    is_deletion = request.method == "DELETE"
    locked = rows.select_for_update(of=("self",), no_key=not is_deletion).values_list("pk")
    data = represent() if list(locked) else None
    etag = None if data is None else compute_etag(render(data))
    _compare(request.META, etag)


def render(data: Any) -> bytes:
    """Return the body of a representation, as GET shows it."""
    return JSONRenderer().render(data, JSONRenderer.media_type)


def _compare(headers: Mapping[str, str], etag: str | None) -> None:
    wanted, unwanted = headers.get("HTTP_IF_MATCH"), headers.get("HTTP_IF_NONE_MATCH")
    if etag is None:
        return
    if wanted is not None and not _includes(wanted, etag):
        raise PreconditionFailed
    if unwanted is not None and _includes(unwanted, etag):
        raise PreconditionFailed("There is such an object already.")


def _includes(condition: str, etag: str) -> bool:
    """Return whether a header names an `ETag`.

    A weak one counts as its strong form: only compression weakens the tags of this server, and it
    changes nothing that a client sends back.
    """
    return condition.strip() == "*" or etag in _OPAQUE.findall(condition)
