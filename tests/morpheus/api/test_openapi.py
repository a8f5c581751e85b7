"""The OpenAPI document says what the API does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from morpheus.api.openapi import SchemaView


@pytest.fixture
def document(client: Any) -> Any:
    return client.get("/api/v1/schema/", headers={"Accept": "application/json"}).json()


@pytest.fixture
def operations(document: Any) -> Any:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    return {operation["operationId"]: operation for operation in operations}


@pytest.fixture
def assert_described(document: Any) -> Any:
    """Check a response against one of the document's schemas."""

    def check(name: Any, response: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        assert response.status_code < 500
        assert [
            error.message for error in Draft202012Validator(schema).iter_errors(response.json())
        ] == []

    return check


def test_every_operation_has_a_summary_of_one_sentence(operations: Any) -> None:
    summaries = {name: operation.get("summary", "") for name, operation in operations.items()}

    assert [name for name, summary in summaries.items() if not 0 < len(summary) <= 90] == []
    assert summaries["novels_list"] == (
        "List public novels, the same for everyone; with owner=me all of my own"
    )
    # Swagger UI shows summaries as they are, and all other texts as Markdown.
    assert [name for name, summary in summaries.items() if "`" in summary] == []
    assert summaries["auth_token_create"] == "Log in"


def test_a_summary_ends_with_its_sentence_and_not_within_a_name(operations: Any) -> None:
    assert operations["novels_create"]["summary"] == (
        "Upload a novel (.txt or .epub); it is parsed in the background, see its status"
    )


def test_every_error_is_described_as_a_problem(operations: Any) -> None:
    for operation in operations.values():
        refused = {s: r for s, r in operation["responses"].items() if s.startswith(("4", "5"))}
        assert {"4XX", "503"} <= refused.keys()
        assert all("application/problem+json" in r["content"] for r in refused.values())
    assert "409" in operations["novels_create"]["responses"]


def test_every_get_but_a_stream_may_be_conditional(document: Any) -> None:
    gets = [path["get"] for path in document["paths"].values() if "get" in path]

    endless = {get["operationId"] for get in gets if "304" not in get["responses"]}
    assert endless == {"novels_events", "users_me_events"} and len(gets) > 2


def test_an_event_stream_is_described(operations: Any) -> None:
    for name in ("novels_events", "users_me_events"):
        operation = operations[name]
        content = operation["responses"]["200"]["content"]
        schema = {"$ref": "#/components/schemas/Status"}
        assert content == {"text/event-stream": {"schema": schema}}
        assert "307" in operation["responses"]
        assert [each["name"] for each in operation["parameters"] if each["in"] == "header"] == [
            "Last-Event-ID"
        ]


def test_revoking_a_token_needs_it(operations: Any) -> None:
    assert operations["auth_token_revoke"]["security"] == [{"bearer": []}]


@pytest.mark.django_db
def test_the_document_describes_first_and_last_pages(
    api: Any, make_novels: Any, assert_described: Any
) -> None:
    make_novels(3)

    first = api.get("/api/v1/novels/?page_size=2")
    last = api.get(first.json()["next"])

    assert first.json()["previous"] is None and last.json()["next"] is None
    assert_described("PaginatedNovelList", first)
    assert_described("PaginatedNovelList", last)


@pytest.mark.django_db
def test_members_that_are_always_present_are_required(
    document: Any, api: Any, make_novels: Any
) -> None:
    make_novels(1)

    (novel,) = api.get("/api/v1/novels/").json()["results"]

    assert set(document["components"]["schemas"]["Novel"]["required"]) == novel.keys()


@pytest.mark.django_db
def test_options_describes_each_method_as_the_document_does(
    as_user: Any, make_user: Any, document: Any
) -> None:
    client = as_user(make_user(is_staff=True))

    for path, operations in document["paths"].items():
        names = ("user_id", "novel_id", "comic_id", "panel_id", "number", "token_id", "export_id")
        for name in names:
            path = path.replace(f"{{{name}}}", "1")
        response = client.options(path)

        assert response.status_code == 200, path
        assert response.json()["description"] == "\n\n".join(
            f"{method.upper()}: {operations[method]['description']}"
            for method in ("get", "post", "put", "patch", "delete")
            if method in operations
        )


@pytest.mark.django_db
def test_options_of_the_document_and_its_page_shows_no_docstring(client: Any) -> None:
    document = client.options("/api/v1/schema/", headers={"Accept": "application/json"})
    page = client.options("/api/v1/docs/")

    assert document.json()["description"] == ""
    assert page.status_code == 405


def test_the_document_is_generated_once_for_each_media_type(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SchemaView, "_documents", {})
    made = []
    generate: Any = SchemaGenerator.get_schema

    def generate_and_count(self: Any, *args: Any, **kwargs: Any) -> Any:
        made.append(1)
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", generate_and_count)

    def fetch(accept: Any) -> Any:
        response = client.get("/api/v1/schema/", headers={"Accept": accept})
        return response.content, response["Content-Type"], response["Content-Disposition"]

    json_documents = {fetch("application/json") for _ in range(3)}
    yaml_documents = {fetch("*/*") for _ in range(3)}

    assert len(made) == 2
    [(body, kind, disposition)] = json_documents
    assert (kind, disposition) == ("application/json", 'inline; filename="Morpheus.json"')
    [(text, yaml_kind, _)] = yaml_documents
    assert yaml_kind.startswith("application/vnd.oai.openapi")
    assert yaml.safe_load(text)["paths"].keys() == json.loads(body)["paths"].keys()


def test_writes_of_users_are_repeatable_and_conditional(operations: Any, document: Any) -> None:
    def refers(name: str, header: str) -> bool:
        reference = {"$ref": f"#/components/parameters/{header}"}
        return reference in operations[name].get("parameters", ())

    assert refers("comics_create", "IdempotencyKey") and refers("novels_create", "IdempotencyKey")
    assert refers("novels_update", "IfMatch") and refers("comics_destroy", "IfMatch")
    assert not refers("users_register", "IdempotencyKey")
    assert {"409", "422"} <= operations["comics_create"]["responses"].keys()
    assert "412" in operations["novels_update"]["responses"]
    assert document["components"]["parameters"]["IfMatch"]["name"] == "If-Match"
