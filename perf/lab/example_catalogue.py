"""A valid request to every route of the API; plans, performance suite and load tests send these.

Plain data: this module imports neither Django nor psycopg, so locust can use it. Another query
string or body is an argument of `build`:

    example("GET /novels/").build({}, query={"ordering": "title", "page_size": 100})
"""

from __future__ import annotations

from functools import cache

from perf.lab import example_bodies as bodies
from perf.lab.example_requests import PASSWORD, ExampleRequest

_CREDENTIALS = {"email": "{email}", "password": PASSWORD}
_NEW_USER = {"email": "{new_email}", "password": PASSWORD, "display_name": "New user"}
_CONFIRMED = {"current_password": PASSWORD}

# In an order in which each request finds the rows that it needs, and the last ones delete them.
EXAMPLES = (
    ExampleRequest("POST /users/", body=_NEW_USER),
    ExampleRequest("POST /auth/login/", body=_CREDENTIALS, caller="session"),
    ExampleRequest("GET /users/me/", caller="session"),
    ExampleRequest("POST /auth/logout/", caller="session"),
    ExampleRequest("POST /auth/token/", body=_CREDENTIALS, caller="member"),
    ExampleRequest("GET /users/me/", caller="member"),
    ExampleRequest("PATCH /users/me/", body={"bio": "Reads."}, caller="member"),
    ExampleRequest("POST /users/me/tokens/", body=bodies.NEW_TOKEN, caller="member"),
    ExampleRequest("GET /users/me/tokens/", caller="member"),
    ExampleRequest("DELETE /users/me/tokens/{token_id}/", caller="member"),
    ExampleRequest(
        "POST /users/me/email/", body=_CONFIRMED | {"email": "{email}"}, caller="member"
    ),
    ExampleRequest("POST /auth/email/confirm/", body={"token": "{email_token}"}),
    ExampleRequest("DELETE /auth/token/", caller="member"),
    ExampleRequest("POST /auth/password-reset/", body={"email": "{email}"}),
    ExampleRequest(
        "POST /auth/password-reset/confirm/",
        body={"token": "{reset_token}", "new_password": PASSWORD},
    ),
    ExampleRequest("POST /auth/token/", body=_CREDENTIALS, caller="returning"),
    ExampleRequest(
        "POST /users/me/password/",
        body=_CONFIRMED | {"new_password": PASSWORD},
        caller="returning",
    ),
    ExampleRequest("POST /auth/token/", body=_CREDENTIALS, caller="leaving"),
    ExampleRequest("POST /users/me/exports/", caller="leaving"),
    ExampleRequest("GET /users/me/exports/{export_id}/", caller="leaving"),
    # Not with the tables' reads, because it needs a file too.
    ExampleRequest("GET /users/me/exports/{export_id}/file/", caller="owner", reads_tables=False),
    ExampleRequest("DELETE /users/me/", body=_CONFIRMED, caller="leaving"),
    ExampleRequest("GET /users/me/dashboard/", caller="owner"),
    ExampleRequest("GET /users/{user_id}/"),
    ExampleRequest("GET /genres/"),
    ExampleRequest("GET /languages/"),
    ExampleRequest("GET /novels/"),
    ExampleRequest("GET /novels/", {"genre": "{genre}", "language": "{language}"}),
    ExampleRequest("GET /novels/", {"owner": "me"}, caller="owner"),
    ExampleRequest("GET /novels/{novel_id}/"),
    ExampleRequest("GET /novels/{novel_id}/", caller="owner"),
    ExampleRequest("GET /novels/{novel_id}/chapters/"),
    ExampleRequest("GET /novels/{novel_id}/chapters/{number}/"),
    ExampleRequest("GET /novels/{novel_id}/status/"),
    ExampleRequest("GET /search/", {"q": "the"}),
    ExampleRequest("GET /search/", {"q": "the", "scope": "mine"}, caller="owner"),
    ExampleRequest("GET /comics/"),
    ExampleRequest("GET /comics/", {"novel": "{novel_id}"}),
    ExampleRequest("GET /comics/", {"owner": "me"}, caller="owner"),
    ExampleRequest("GET /comics/{comic_id}/"),
    ExampleRequest("GET /comics/{comic_id}/panels/"),
    ExampleRequest("GET /comics/{comic_id}/panels/{panel_id}/"),
    ExampleRequest("GET /comics/{comic_id}/panels/{number}/image/"),
    ExampleRequest("GET /comics/{comic_id}/thumbnail/"),
    ExampleRequest("PUT /novels/{novel_id}/progress/", body=bodies.READ_NOVEL, caller="owner"),
    ExampleRequest("PUT /comics/{comic_id}/progress/", body=bodies.READ_COMIC, caller="owner"),
    ExampleRequest("PUT /users/me/progress/", body=bodies.READ_OFFLINE, caller="owner"),
    ExampleRequest("GET /users/me/continue/", caller="owner"),
    ExampleRequest("GET /novels/{novel_id}/progress/", caller="owner"),
    ExampleRequest("GET /comics/{comic_id}/progress/", caller="owner"),
    ExampleRequest("DELETE /novels/{novel_id}/progress/", caller="owner"),
    ExampleRequest("DELETE /comics/{comic_id}/progress/", caller="owner"),
    ExampleRequest("GET /schema/", reads_tables=False),
    ExampleRequest("GET /docs/", reads_tables=False),
    ExampleRequest("GET /problems/", reads_tables=False),
    ExampleRequest("GET /problems/{code}/", reads_tables=False),
    ExampleRequest("GET /perf/schema/", caller="staff", reads_tables=False),
    ExampleRequest("GET /perf/requests/", caller="staff", reads_tables=False),
    ExampleRequest("GET /perf/requests/{identifier}/", caller="staff", reads_tables=False),
    ExampleRequest(
        "POST /novels/", body={"title": "New"}, upload=bodies.NOVEL_FILE, caller="owner"
    ),
    ExampleRequest("PATCH /novels/{novel_id}/", body={"title": "Another"}, caller="owner"),
    ExampleRequest("POST /novels/{novel_id}/parse/", caller="owner"),
    ExampleRequest("POST /comics/", body={"title": "New"}, caller="owner"),
    ExampleRequest(
        "POST /comics/{comic_id}/panels/",
        body={"number": "{number}"},
        upload=bodies.PANEL_IMAGE,
        caller="owner",
    ),
    ExampleRequest(
        "PATCH /comics/{comic_id}/panels/{panel_id}/", body={"caption": "Another"}, caller="owner"
    ),
    ExampleRequest(
        "PATCH /comics/{comic_id}/panels/{panel_id}/", upload=bodies.OTHER_IMAGE, caller="owner"
    ),
    ExampleRequest(
        "PUT /comics/{comic_id}/panels/order/", body={"panels": "{panel_ids}"}, caller="owner"
    ),
    ExampleRequest("DELETE /comics/{comic_id}/panels/{panel_id}/", caller="owner"),
    ExampleRequest("PATCH /comics/{comic_id}/", body={"title": "Another"}, caller="owner"),
    ExampleRequest("POST /comics/bulk/", body=bodies.WITHDRAW_COMIC, caller="owner"),
    ExampleRequest("DELETE /comics/{comic_id}/", caller="owner"),
    ExampleRequest("POST /novels/bulk/", body=bodies.WITHDRAW_NOVEL, caller="owner"),
    ExampleRequest("DELETE /novels/{novel_id}/", caller="owner"),
)


@cache
def example(route: str) -> ExampleRequest:
    """Return the first example of a route, such as "GET /novels/".

    Raises:
        LookupError: No example has this route.
    """
    for candidate in EXAMPLES:
        if candidate.route == route:
            return candidate
    raise LookupError(f"No example request has the route {route!r}.")
