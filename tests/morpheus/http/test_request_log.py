"""What the log tells of each request, and what it must not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from morpheus.urls import urlpatterns as ours
from tests.conftest import PASSWORD
from tests.morpheus.http.test_log_format import logged_as

HOSTILE = "Zx9<script>"
# 43 characters, as a token of ours has.
TOKEN = "tOkEn-0123456789_abcdefghijklmnopqrstuvwxyz"
# Apart from the `raise`, because Python 3.13 and later print a statement of several lines whole in
# a traceback, and source code is no secret.
SECRETS = f"duplicate key of ann@example.org with {TOKEN}\nDETAIL:  Key (title)=(Zx9) exists."


def ask(request: HttpRequest, name: str) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse()


def fail(request: HttpRequest, name: str) -> HttpResponse:
    raise IntegrityError(SECRETS)


urlpatterns = [
    path("ask/<str:name>/", ask),
    path("fail/<str:name>/", fail),
    path("", include(ours)),
]
handler500 = "morpheus.http.errors.server_error"


@pytest.fixture(params=["json", "line"])
def log(request: Any) -> Iterator[StringIO]:
    """Collect what goes to standard error, in both formats, with the chatter of libraries."""
    with logged_as(request.param, root={"handlers": ["stderr"], "level": "DEBUG"}) as log:
        yield log


def requests_in(log: StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines() if line.startswith("{")]
    return [line for line in lines if line["logger"] == "morpheus.requests"]


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_a_request_is_one_line_with_its_cost(client: Any, log: StringIO) -> None:
    response = client.get("/ask/whale/")

    (line,) = requests_in(log)
    assert line | {"at": "", "ms": 0, "db_ms": 0} == {
        **{"at": "", "level": "info", "logger": "morpheus.requests", "event": "request"},
        **{"request_id": response["X-Request-ID"], "route": "GET /ask/{name}/", "status": 200},
        **{"ms": 0, "user_id": None, "queries": 1, "db_ms": 0},
        **{"cache_hits": 0, "cache_misses": 0},
    }
    assert line["ms"] > line["db_ms"] > 0


@pytest.mark.django_db
@pytest.mark.parametrize("log", ["line"], indirect=True)
def test_the_line_format_has_the_same_fields(client: Any, log: StringIO) -> None:
    response = client.get("/healthz")

    (line,) = [line for line in log.getvalue().splitlines() if "morpheus.requests" in line]
    assert f'[{response["X-Request-ID"]}] request route="GET /healthz" status=200 ms=' in line


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_it_names_the_user_by_id_and_counts_cache_hits(
    as_user: Any, make_user: Any, log: StringIO
) -> None:
    user = make_user("ann")
    client = as_user(user)
    for _ in range(2):
        client.get("/api/v1/users/me/")

    cold, warm = requests_in(log)
    assert cold["user_id"] == warm["user_id"] == user.pk
    assert cold["cache_misses"] > 0 and warm["cache_hits"] > 0
    assert warm["queries"] == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_a_cached_response_is_logged(visitor: Any, make_novels: Any, log: StringIO) -> None:
    make_novels()
    for _ in range(2):
        visitor.get("/api/v1/novels/")

    kept = requests_in(log)[-1]
    assert (kept["route"], kept["queries"], kept["cache_hits"]) == ("GET /novels/", 0, 1)


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_nothing_that_a_client_sends_is_in_the_log(client: Any, log: StringIO) -> None:
    client.raise_request_exception = False
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "User-Agent": HOSTILE,
        "X-Request-ID": HOSTILE,
        "X-Forwarded-For": HOSTILE,
        "Referer": f"http://{HOSTILE}/",
    }
    body = {"email": "ann@example.org", "password": PASSWORD}
    for url in (f"/{HOSTILE}/", f"/ask/{HOSTILE}/", f"/fail/{HOSTILE}/", "/api/v1/users/Zx9/"):
        client.get(f"{url}?q=Zx9&email=ann@example.org", headers=headers)
    client.generic("ZX9", "/healthz", headers=headers)
    client.get("/api/v1/novels/?cursor=Zx9", headers={"Host": "zx9.example"})
    client.post("/api/v1/auth/login/?next=Zx9", body, headers=headers)
    client.post("/api/v1/auth/login/", body, headers=headers)
    client.post("/api/v1/auth/token/", "{Zx9", content_type="application/json")
    client.post("/admin/login/", body | {"next": "Zx9"})
    # Django's own, of a visitor whose form is forged.
    logging.getLogger("tests").warning("Token %s of %s: Bearer %s", TOKEN, "a.b@c.example", "x")

    text = log.getvalue()
    assert "Responded 500 to GET /fail/{name}/." in text
    assert "IntegrityError" in text
    for secret in ("zx9", "ann@example.org", "a.b@c.example", TOKEN, PASSWORD, "Bearer x"):
        assert secret.lower() not in text.lower(), secret


@pytest.mark.django_db
@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_the_line_can_be_switched_off(client: Any, log: StringIO) -> None:
    logging.getLogger("morpheus.requests").setLevel("WARNING")

    client.get("/healthz")

    assert requests_in(log) == []


@pytest.mark.django_db
@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_only_a_failing_probe_of_the_supervisor_is_logged(client: Any, log: StringIO) -> None:
    client.head("/healthz")
    assert requests_in(log) == []

    client.get("/healthz")
    client.head("/healthz/nowhere")

    routes = [line["route"] for line in requests_in(log)]
    assert routes == ["GET /healthz", "HEAD unmatched"]
