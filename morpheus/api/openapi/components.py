"""Components of the document that are the same in all operations."""

from __future__ import annotations

from typing import Any

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Path of the page that explains the code.",
        },
        "title": {"type": "string", "description": "Of the code; always the same."},
        "status": {"type": "integer"},
        "code": {
            "type": "string",
            "description": "A stable word for programs, such as `not_found`; `/problems/` lists "
            "all. Later versions may add some.",
        },
        "detail": {"type": "string", "description": "What happened, for people."},
        "request_id": {"type": "string", "description": "As the header `X-Request-ID`."},
        "existing_id": {
            "type": ["integer", "null"],
            "description": "With 409: the id of the existing object.",
        },
        "errors": {
            "type": "object",
            "description": "Error messages by field.",
            "additionalProperties": True,
        },
        "violations": {
            "type": "array",
            "description": "With `errors`: the same, each with a code and its exact place.",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer into the body (RFC 6901).",
                    },
                    "parameter": {"type": "string", "description": "Or a query parameter's name."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "trace_id": {
            "type": "string",
            "description": "Of the request's `traceparent`, if it had a valid one.",
        },
    },
}

# Headers of requests, as docs/api.md describes them; by their names in the document.
PARAMETERS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[ !#-~]{1,255}$"},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        "description": "Within 24 hours, the same request with the same key gets the first "
        "response, with `Idempotency-Replayed: true`, and writes nothing.",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "example": '"0123456789abcdef0123456789abcdef"',
        "description": "`ETag` of the object as it was read: 412 if it has changed since.",
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "example": "count=exact",
        "description": "`count=exact` or `count=estimated` (RFC 7240): the body has `count`, the "
        "number of all rows, and `Preference-Applied` says which one it is.",
    },
}


def _header(description: str, example: object, *, is_required: bool = False) -> dict[str, Any]:
    kind = "integer" if isinstance(example, int) else "string"
    header = {"description": description, "schema": {"type": kind}, "example": example}
    return header | ({"required": True} if is_required else {})


# Headers of responses, by their names.
HEADERS: dict[str, Any] = {
    "X-Request-ID": _header(
        "Id of the request in the server's log; the client may choose it.",
        "4f1c0d5e9b7a4f0c8a3e2d1b6c5a4938",
        is_required=True,
    ),
    "Server-Timing": _header(
        "Statements and their time, and whether the cache had the response.",
        'db;desc="2 queries";dur=0.81, cache;desc="miss"',
        is_required=True,
    ),
    "ETag": _header(
        "Of the representation: for `If-None-Match`, and for `If-Match` of a write.",
        '"0123456789abcdef0123456789abcdef"',
        is_required=True,
    ),
    "Cache-Control": _header(
        "`public` if all callers get the same response.", "public, no-cache", is_required=True
    ),
    "Link": _header(
        "RFC 8288: `next` and `prev` as in the body.",
        '<https://morpheus.example/api/v1/novels/?cursor=cD0y>; rel="next"',
    ),
    "Preference-Applied": _header("The kind of `count`, if the body has one.", "count=exact"),
    "Location": _header("The other address.", "https://files.example/7f83b1657ff1"),
    "RateLimit-Policy": _header(
        "Limits of the caller: `q` requests in `w` seconds.", '"write";q=120;w=60'
    ),
    "RateLimit": _header("`r` requests are left; `t` seconds later more.", '"write";r=119;t=60'),
    "Retry-After": _header("Seconds until the request may be sent again.", 2),
    "Idempotency-Replayed": _header("`true` if the response was stored before.", "true"),
    "WWW-Authenticate": _header("The scheme of tokens.", "Bearer", is_required=True),
}
