"""One catalogue has a valid request to every route."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from perf.lab.example_catalogue import EXAMPLES, example
from perf.lab.example_requests import Conversation
from perf.monitoring.list_routes import list_api_routes

METHODS = ("get", "post", "put", "patch", "delete")


def test_every_route_has_an_example_and_every_example_a_route() -> None:
    offered = {
        f"{method.upper()} {route.path}"
        for route in list_api_routes()
        for method in METHODS
        if hasattr(route.view, method)
    }

    assert {sent.route for sent in EXAMPLES} == offered


def test_values_fill_path_query_and_body() -> None:
    comics = next(sent for sent in EXAMPLES if sent.name == "GET /comics/?novel={novel_id}")
    login = example("POST /auth/token/").build({"email": "ann@example.org"})

    assert comics.build({"novel_id": 7}).path == "/api/v1/comics/?novel=7"
    assert json.loads(login.body)["email"] == "ann@example.org"
    assert login.headers == {"Content-Type": "application/json"}


def test_a_query_replaces_that_of_the_example_as_it_is() -> None:
    request = example("GET /search/").build({}, query={"q": "a {b} & c", "page_size": 5})

    assert request.path == "/api/v1/search/?q=a+%7Bb%7D+%26+c&page_size=5"


def test_an_upload_is_a_form_with_fields_and_file() -> None:
    request = example("POST /novels/").build(
        {}, body={"title": "New"}, upload=b"Chapter 1\n\nOnce."
    )

    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="title"\r\n\r\nNew\r\n' in request.body
    assert b'filename="novel.txt"\r\n\r\nChapter 1\n\nOnce.\r\n' in request.body


def test_a_conversation_sends_the_credentials_and_ids_of_earlier_responses() -> None:
    talk = Conversation({})

    talk.keep_credentials(example("POST /auth/token/"), b'{"token": "secret"}', {})
    talk.keep_credentials(example("POST /auth/login/"), b"{}", {"sessionid": "s", "csrftoken": "c"})
    talk.keep_id(example("POST /novels/"), b'{"id": 42}')

    assert talk.build(example("PATCH /users/me/")).headers["Authorization"] == "Bearer secret"
    assert talk.build(example("POST /auth/logout/")).headers["Cookie"] == "sessionid=s; csrftoken=c"
    assert talk.build(example("POST /auth/logout/")).headers["X-CSRFToken"] == "c"
    assert talk.build(example("PATCH /novels/{novel_id}/")).path == "/api/v1/novels/42/"


def test_a_route_without_an_example_is_an_error() -> None:
    with pytest.raises(LookupError, match="GET /nothing/"):
        example("GET /nothing/")


def test_locust_can_use_it_without_django_and_psycopg() -> None:
    code = (
        "import sys; import perf.lab.example_catalogue; "
        "sys.exit(any(name in sys.modules for name in ('django', 'psycopg')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
