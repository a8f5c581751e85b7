"""The problems that an operation can have, from what its view declares."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rest_framework.permissions import SAFE_METHODS, AllowAny, IsAdminUser, IsAuthenticated

from morpheus.api.views import MorpheusAPIView
from morpheus.http.errors import CONTENT_TYPE
from morpheus.http.problem_codes import PROBLEMS, problem_page

_OF_BODY = {
    *("parse_error", "body_incomplete", "body_too_large", "invalid_input", "body_too_slow"),
    *("length_required", "unsupported_media_type", "server_busy"),
}
_OF_KEY = {"idempotency_key_malformed", "idempotency_key_in_use", "idempotency_key_reused"}

_ALWAYS = {"X-Request-ID", "Server-Timing"}
# Headers of a problem beside these, by its status.
_HEADERS = {
    "401": ("WWW-Authenticate",),
    "409": ("Retry-After",),
    "429": ("Retry-After", "RateLimit", "RateLimit-Policy"),
    "503": ("Retry-After",),
}


def list_codes(view: Any, method: str, operation: dict[str, Any]) -> set[str]:
    """Return the codes of all problems that an operation can respond with.

    Those of one view are in its `problems`, by method; the others follow from its declaration.
    """
    codes = {"malformed_request", "invalid_parameters", "server_error"}
    codes |= {*getattr(view, "problems", {}).get(method, ())}
    if "{" in view.schema.path:
        codes.add("not_found")
    if view.negotiates:
        codes.add("not_acceptable")
    if "requestBody" in operation:
        codes |= _OF_BODY
    if isinstance(view, MorpheusAPIView):
        codes |= {"database_unavailable", *_list_codes_of_caller(view, method, operation)}
        if "combination" in _describe_list(view, method):
            codes.add("unserved_combination")
        if "pages" in _describe_list(view, method):
            codes.add("page_not_found")
    return codes


def is_repeatable(view: Any, method: str, operation: dict[str, Any]) -> bool:
    """Tell whether an operation takes `Idempotency-Key`."""
    is_of_user = any(operation.get("security", ()))
    return method == "POST" and is_of_user and view.stores_responses


def _list_codes_of_caller(
    view: MorpheusAPIView, method: str, operation: dict[str, Any]
) -> set[str]:
    """Return the codes of credentials, rights and limits."""
    codes = set()
    schemes = {name for each in operation.get("security", ()) for name in each}
    is_write = method not in SAFE_METHODS
    permissions = {*view.permission_classes}
    needs_user = is_write and AllowAny not in permissions
    if schemes:
        codes.add("authentication_failed")
        if needs_user or permissions & {IsAuthenticated, IsAdminUser}:
            codes.add("not_authenticated")
        if "own" in _describe_list(view, method):
            codes.add("not_authenticated")
    if IsAdminUser in permissions:
        codes.add("permission_denied")
    if is_write:
        codes |= {"throttled", "storage_full"}
        codes |= {"csrf_failed"} if "session" in schemes else set()
        codes |= {"insufficient_scope"} if "bearer" in schemes else set()
        codes |= {"not_owner"} if view.changed_rows is not None else set()
        codes |= {"precondition_failed"} if method in view.conditional_methods else set()
    if is_repeatable(view, method, operation):
        codes |= _OF_KEY
    return codes


def _describe_list(view: Any, method: str) -> set[str]:
    """Tell of a list that it has pages, and whether filters may exclude each other, and may select
    the caller's rows.
    """
    read = getattr(view, "read", None)
    if method != "GET" or read is None:
        return set()
    facts = {"pages", "combination"} if len(read.filters) > 1 else {"pages"}
    return facts | ({"own"} if any(each.own for each in read.filters.values()) else set())


def refer_to_problems(codes: set[str]) -> dict[str, Any]:
    """Return a reference for each status; the name of the response is the status and its codes."""
    by_status = defaultdict(list)
    for code in sorted(codes):
        by_status[str(PROBLEMS[code].status)].append(code)
    return {
        status: {"$ref": f"#/components/responses/{'.'.join([status, *of_status])}"}
        for status, of_status in sorted(by_status.items())
    }


def describe_response(name: str) -> dict[str, Any]:
    """Return the response that a name of `refer_to_problems` stands for."""
    status, *codes = name.split(".")
    headers = sorted({*_ALWAYS, *_HEADERS.get(status, ())})
    return {
        "description": "\n".join(f"- `{code}`: {PROBLEMS[code].meaning}" for code in codes),
        "headers": {each: {"$ref": f"#/components/headers/{each}"} for each in headers},
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    code: {"$ref": f"#/components/examples/problem.{code}"} for code in codes
                },
            }
        },
    }


def describe_example(code: str) -> dict[str, Any]:
    """Return a problem with a code."""
    kind = PROBLEMS[code]
    value: dict[str, Any] = {
        "type": problem_page(code),
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": kind.meaning,
        "request_id": "4f1c0d5e9b7a4f0c8a3e2d1b6c5a4938",
    }
    if code == "invalid_input":
        message = "This field is required."
        value |= {
            "errors": {"title": [message]},
            "violations": [{"pointer": "/title", "code": "required", "detail": message}],
        }
    return {"value": value}
