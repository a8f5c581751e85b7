"""Every problem has a listed code, which leads to a page of this server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from rest_framework import exceptions, serializers
from rest_framework.test import APIClient

from morpheus.api.domain_errors import DomainError
from morpheus.http.problem_codes import PROBLEMS, listed_code, problem_page
from morpheus.http.violation_codes import VIOLATIONS
from novels.parsing.model import ErrorCode
from perf.monitoring.list_routes import list_api_routes
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
VALUES = {"identifier": "x", "code": "nothing"}
# Classes that stand for others, and are never raised themselves.
ABSTRACT = {exceptions.APIException, exceptions.ValidationError, DomainError}
# Of several statuses: a code is given with each of them.
WITH_GIVEN_CODE = {"InvalidParameters", "BodyIncomplete"}


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def of_project(kind: type[Any]) -> bool:
    return kind.__module__.partition(".")[0] in {"morpheus", "users", "novels", "comics", "perf"}


@pytest.fixture(autouse=True, scope="module")
def load_everything() -> None:
    """Import all modules with errors and serializers."""
    list_api_routes()
    for config in apps.get_app_configs():
        for name in ("services", "serializers", "views", "quotas"):
            if config.name in ("users", "novels", "comics"):
                try:
                    import_module(f"{config.name}.{name}")
                except ModuleNotFoundError as error:
                    assert error.name == f"{config.name}.{name}"


def assert_listed(response: Any) -> dict[str, Any]:
    """Check a problem response against the table; return its body."""
    assert response["Content-Type"] == "application/problem+json", response.content
    problem: dict[str, Any] = response.json()
    kind = PROBLEMS[problem["code"]]
    assert (kind.status, kind.title) == (response.status_code, problem["title"])
    assert problem["status"] == response.status_code
    assert problem["type"] == f"{API}/problems/{problem['code']}/"
    assert problem["request_id"] == response["X-Request-ID"]
    for violation in problem.get("violations", ()):
        assert violation["code"] in VIOLATIONS
        assert ("pointer" in violation) != ("parameter" in violation)
    return problem


def test_a_code_is_a_stable_word_with_a_text_for_each_column() -> None:
    assert not PROBLEMS.keys() & VIOLATIONS.keys()
    for code, kind in (PROBLEMS | VIOLATIONS).items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert not kind.title.endswith(".")
        assert kind.meaning.endswith(".") and kind.action.endswith(".")


def test_every_error_class_has_a_listed_code_of_its_status() -> None:
    of_services = [each for each in subclasses(DomainError) if each not in ABSTRACT]
    of_views = [each for each in subclasses(exceptions.APIException) if each not in ABSTRACT]
    assert of_services and of_views

    for error in of_services:
        if error.field is not None:
            assert error.code in VIOLATIONS, error
        else:
            assert "code" in vars(error), f"{error} has no code of its own"
            assert PROBLEMS[error.code].status == error.status, error
    for error in of_views:
        if error.__name__ not in WITH_GIVEN_CODE:
            assert PROBLEMS[error.default_code].status == error.status_code, error


def test_every_message_of_an_input_s_fields_has_a_listed_code() -> None:
    kinds = [each for each in subclasses(serializers.Serializer) if of_project(each)]
    assert len(kinds) > 10

    for kind in kinds:
        for name, field in kind().fields.items():
            if not field.read_only:
                codes = {*field.error_messages} | {
                    getattr(each, "code", "invalid") for each in field.validators
                }
                assert codes <= VIOLATIONS.keys(), (kind, name)


def test_every_refusal_of_a_file_has_a_listed_code() -> None:
    assert {*ErrorCode.__args__} <= VIOLATIONS.keys()  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", METHODS)
def test_every_problem_of_every_route_is_listed(
    api: APIClient, as_user: Any, make_user: Any, method: str
) -> None:
    api.raise_request_exception = False
    user = as_user(make_user())
    user.raise_request_exception = False
    statuses = set()
    for route in list_api_routes():
        path = API + re.sub(r"{(\w+)}", lambda name: VALUES.get(name[1], f"{10**12}"), route.path)
        requests: list[tuple[APIClient, str, dict[str, Any]]] = [
            (api, f"{path}?surprise=1", {}),
            (api, path, {}),
            (user, path, {}),
            (api, path, {"headers": {"Authorization": "Bearer wrong"}}),
            (api, path, {"headers": {"Accept": "image/x-nothing"}}),
            (user, path, {"data": "{", "content_type": "application/json"}),
            (user, path, {"data": "[]", "content_type": "application/json"}),
            (user, path, {"data": "x", "content_type": "text/x-nothing"}),
            (user, path, {"data": "x", "content_type": "multipart/form-data; boundary=b"}),
        ]
        for client, url, options in requests:
            if method in ("get", "head"):
                options.pop("data", None)
                options.pop("content_type", None)
            response = getattr(client, method)(url, **options)
            if response.status_code >= 400 and method != "head":
                statuses.add(assert_listed(response)["status"])
    assert method == "head" or {400, 401, 404, 405} & statuses


def test_problems_outside_of_views_are_listed(client: Client) -> None:
    cases = [
        (client.get("/nowhere"), "not_found"),
        (client.get(f"{API}/nowhere/"), "not_found"),
        (client.generic("FOO1", "/healthz"), "method_not_allowed"),
        (client.get("/healthz?" + "a=1&" * 3000), None),
        (client.get(f"{API}/novels/", headers={"Host": "evil.example"}), "malformed_request"),
        (
            client.post(
                f"{API}/users/", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
            ),
            "length_required",
        ),
    ]
    for response, code in cases:
        if code is not None:
            assert assert_listed(response)["code"] == code


def test_a_code_that_is_not_listed_becomes_the_usual_one_of_its_status() -> None:
    assert listed_code("surprise", 404) == "not_found"
    assert listed_code("throttled", 503) == "server_busy"
    for status in (400, 401, 402, 403, 404, 409, 418, 429, 500, 503, 599):
        assert listed_code("surprise", status) in PROBLEMS


def test_fields_have_pointers_and_parameters_have_names(
    api: APIClient, as_user: Any, make_user: Any
) -> None:
    """`errors` keeps its form: messages by field."""
    user = {"email": "x", "password": "12345", "display_name": "​"}

    body = assert_listed(api.post(f"{API}/users/", user))
    query = assert_listed(api.get(f"{API}/novels/?pagesize=5&page_size=x"))
    write = assert_listed(as_user(make_user()).post(f"{API}/comics/?a~b=1", {"title": "New"}))

    assert body["code"] == "invalid_input"
    places = {(each["pointer"], each["code"]) for each in body["violations"]}
    assert places == {("/email", "invalid"), ("/display_name", "invisible")}
    assert body["errors"]["email"] == ["Enter a valid email address."]
    assert (query["code"], write["code"]) == ("invalid_parameters", "invalid_parameters")
    [violation] = query["violations"]
    assert violation == {
        "parameter": "pagesize",
        "code": "unknown_parameter",
        "detail": "Unknown parameter. Did you mean `page_size`?",
    }
    assert [each["parameter"] for each in write["violations"]] == ["a~b"]


def test_a_weak_password_says_each_reason_by_a_code(api: APIClient) -> None:
    user = {"email": "ann@example.org", "password": "12345", "display_name": "Ann"}

    problem = assert_listed(api.post(f"{API}/users/", user))

    codes = {each["code"] for each in problem["violations"]}
    assert {"password_too_short", "password_entirely_numeric"} <= codes
    assert {each["pointer"] for each in problem["violations"]} == {"/password"}


def test_a_type_leads_to_a_page_in_a_browser_and_to_json(client: Client) -> None:
    for code, kind in (PROBLEMS | VIOLATIONS).items():
        url = problem_page(code)

        page = client.get(url, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        entry = client.get(url).json()

        assert page.status_code == 200 and page["Content-Type"].startswith("text/html")
        assert kind.title in page.content.decode()
        assert "style-src 'self'" in page["Content-Security-Policy"]
        # It needs no other server.
        assert not re.findall(r'(?:src|href)="(?!/)', page.content.decode())
        assert (entry["code"], entry["type"]) == (code, url)


def test_all_codes_are_on_one_page(client: Client) -> None:
    entries = client.get(f"{API}/problems/").json()

    assert [each["code"] for each in entries] == [*PROBLEMS, *VIOLATIONS]
    assert client.get(f"{API}/problems/surprise/").status_code == 404


def test_a_failed_csrf_check_has_a_code_of_its_own(make_user: Any) -> None:
    client = APIClient(enforce_csrf_checks=True)
    credentials = {"email": make_user().email, "password": PASSWORD}
    assert client.post(f"{API}/auth/login/", credentials).status_code == 200

    problem = assert_listed(client.post(f"{API}/comics/", {"title": "New"}))

    assert (problem["status"], problem["code"]) == (403, "csrf_failed")
