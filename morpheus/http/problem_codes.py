"""Every problem that the API responds with, by its `code`: the one table of them.

A code is stable: clients compare it. `GET /api/v1/problems/` shows this table, and the `type` of
each problem is the address of its page there.
"""

from __future__ import annotations

from typing import NamedTuple

# Not an absolute URL: a type is the same text whatever name the server is reached by.
_PAGES = "/api/v1/problems/"


class ProblemType(NamedTuple):
    """What one code means.

    Attributes:
        status: Of the response; None for a code within `violations` (`violation_codes`).
        action: What a client does about it.
    """

    status: int | None
    title: str
    meaning: str
    action: str


_RETRY = "Try again after the seconds in `Retry-After`."

PROBLEMS = {
    "malformed_request": ProblemType(
        400,
        "Malformed request",
        "The server cannot read the request: its host, its query string or its form.",
        "Correct the request.",
    ),
    "parse_error": ProblemType(
        400,
        "Malformed body",
        "The body is not what its `Content-Type` says, or a part cannot be read.",
        "Send a well-formed body.",
    ),
    "body_incomplete": ProblemType(
        400,
        "Incomplete body",
        "The body ended before its `Content-Length`.",
        "Send the request again.",
    ),
    "body_too_large": ProblemType(
        400,
        "Body too large",
        "The body is larger than any that this route takes.",
        "Send a smaller file.",
    ),
    "invalid_input": ProblemType(
        400,
        "Invalid input",
        "Fields of the body are missing or have a wrong value; `violations` lists them.",
        "Correct the fields.",
    ),
    "invalid_parameters": ProblemType(
        400,
        "Invalid parameters",
        "Query parameters are unknown or have a wrong value; `violations` lists them.",
        "Correct the parameters; the OpenAPI document lists those of each operation.",
    ),
    "unserved_combination": ProblemType(
        400,
        "Combination not served",
        "No index serves these filters together, or in this ordering.",
        "Choose one of the combinations that `detail` names.",
    ),
    "no_session": ProblemType(
        400,
        "No session",
        "The request ends a session, but it was sent with a token.",
        "Revoke a token with `DELETE /api/v1/auth/token/`.",
    ),
    "not_authenticated": ProblemType(
        401,
        "Authentication required",
        "Only a logged-in user may do this.",
        "Log in, and send the token or the session cookie.",
    ),
    "authentication_failed": ProblemType(
        401,
        "Authentication failed",
        "The token is unknown, expired or revoked, or the e-mail address and the password do not "
        "belong together.",
        "Log in again.",
    ),
    "permission_denied": ProblemType(
        403,
        "Permission denied",
        "The user may not do this.",
        "Do not repeat the request.",
    ),
    "not_owner": ProblemType(
        403,
        "Not the owner",
        "The object belongs to another user; it can be read and not changed.",
        "Do not repeat the request.",
    ),
    "csrf_failed": ProblemType(
        403,
        "CSRF check failed",
        "A write with a session cookie has no valid CSRF token, or comes from a foreign origin.",
        "Send the value of the cookie `csrftoken` as the header `X-CSRFToken`.",
    ),
    "insufficient_scope": ProblemType(
        403,
        "Insufficient scope",
        "The token has the scope `read` only.",
        "Use a token with the scope `write`.",
    ),
    "staff_account": ProblemType(
        403,
        "Account of staff",
        "Accounts of staff are not deleted by the API.",
        "Delete the account in the admin.",
    ),
    "quota_exceeded": ProblemType(
        403,
        "Quota exceeded",
        "The upload would exceed the user's storage.",
        "Delete novels or comics first; `GET /api/v1/users/me/` has the figures.",
    ),
    "not_found": ProblemType(
        404,
        "Not found",
        "There is no such object or route, or the caller cannot see it.",
        "Check the URL; log in if the object is private.",
    ),
    "page_not_found": ProblemType(
        404,
        "No such page",
        "The list has fewer pages than the number in `page`.",
        "Read the first page, and follow `next`.",
    ),
    "method_not_allowed": ProblemType(
        405,
        "Method not allowed",
        "The route does not have this method.",
        "Use a method that the header `Allow` lists.",
    ),
    "not_acceptable": ProblemType(
        406,
        "Not acceptable",
        "The route has no representation that the header `Accept` allows.",
        "Accept `application/json`.",
    ),
    "body_too_slow": ProblemType(
        408,
        "Request timeout",
        "The body arrived too slowly.",
        "Send the request again.",
    ),
    "conflict": ProblemType(
        409,
        "Conflict",
        "The request contradicts the present state of the object.",
        "Read the object again.",
    ),
    "upload_exists": ProblemType(
        409,
        "File uploaded before",
        "The user has a novel of the same file already: the one with the id `existing_id`.",
        "Use that novel, or delete it first.",
    ),
    "export_running": ProblemType(
        409,
        "Export running",
        "An export of the user's data is being made: the one with the id `existing_id`.",
        "Read its state until it is complete.",
    ),
    "export_incomplete": ProblemType(
        409,
        "Export incomplete",
        "The archive is not there yet, or could not be made.",
        "Read the state of the export; ask for another one if it failed.",
    ),
    "panel_exists": ProblemType(
        409,
        "Panel number taken",
        "The comic has a panel of this number.",
        "Choose another number, or none: the panel then comes last.",
    ),
    "panels_changed": ProblemType(
        409,
        "Panels changed",
        "The order does not name all panels that the comic has now, each once.",
        "Read the panels again, and send their ids in the new order.",
    ),
    "nothing_to_parse": ProblemType(
        409,
        "Nothing to parse",
        "The novel has no uploaded file.",
        "Upload the file as a new novel.",
    ),
    "idempotency_key_in_use": ProblemType(
        409,
        "Idempotency-Key in use",
        "A request with this `Idempotency-Key` is being handled.",
        _RETRY,
    ),
    "precondition_failed": ProblemType(
        412,
        "Precondition failed",
        "The object is no longer as the client read it: its `ETag` is not that of `If-Match`.",
        "Read the object again, and repeat the change on that.",
    ),
    "idempotency_key_reused": ProblemType(
        422,
        "Idempotency-Key reused",
        "The `Idempotency-Key` was sent with another request within 24 hours.",
        "Make a new key for each new request.",
    ),
    "idempotency_key_malformed": ProblemType(
        400,
        "Malformed Idempotency-Key",
        "The header is empty, too long or has a character that is not printable ASCII.",
        "Send a UUID.",
    ),
    "length_required": ProblemType(
        411,
        "Length required",
        "The body has no `Content-Length`; chunked bodies are not supported.",
        "Send the header `Content-Length`.",
    ),
    "unsupported_media_type": ProblemType(
        415,
        "Unsupported media type",
        "The route does not take a body of this `Content-Type`.",
        "Send the media type that the OpenAPI document names.",
    ),
    "throttled": ProblemType(
        429,
        "Too many requests",
        "The caller sent more requests than its limit allows.",
        _RETRY,
    ),
    "server_error": ProblemType(
        500,
        "Internal server error",
        "The server has a fault; its log has it under the `request_id`.",
        "Report the `request_id` to the operator.",
    ),
    "database_unavailable": ProblemType(
        503,
        "Database unavailable",
        "The database is unreachable or busy.",
        _RETRY,
    ),
    "files_busy": ProblemType(
        503,
        "Too many files",
        "Too many files are being processed.",
        _RETRY,
    ),
    "storage_unavailable": ProblemType(
        503,
        "Storage unavailable",
        "The storage of uploads and pictures is unreachable.",
        _RETRY,
    ),
    "event_streams_elsewhere": ProblemType(
        503,
        "Event streams elsewhere",
        "This process holds no event streams: a proxy must route them to the process that does.",
        "Poll the status, and tell the operator.",
    ),
    "server_busy": ProblemType(
        503,
        "Server busy",
        "Too many requests of this kind are under way: uploads, searches or streams.",
        _RETRY,
    ),
    "search_too_slow": ProblemType(
        503,
        "Search too slow",
        "The search took longer than the server allows.",
        "Search for rarer words, or try again after the seconds in `Retry-After`.",
    ),
    "traces_unavailable": ProblemType(
        503,
        "Request traces unavailable",
        "The cache server, which stores request traces, does not respond.",
        _RETRY,
    ),
    "storage_full": ProblemType(
        507,
        "Storage full",
        "A disk of the server is full; reads still work.",
        "Try again later, or tell the operator.",
    ),
}

# The code of an error that names none, by its status.
_OF_STATUS = {
    400: "malformed_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    409: "conflict",
    429: "throttled",
    503: "server_busy",
}


def problem_page(code: str) -> str:
    """Return the `type` of a problem: the path of its page."""
    return f"{_PAGES}{code}/"


def listed_code(code: object, status: int) -> str:
    """Return the code if problems of this status have it, else the usual code of the status."""
    known = PROBLEMS.get(str(code))
    if known is not None and known.status == status:
        return str(code)
    return _OF_STATUS.get(status, "server_error" if status >= 500 else "malformed_request")
