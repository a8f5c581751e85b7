"""The committed OpenAPI document is the server's, and breaks no client of the previous release."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from tests.openapi_changes import CURRENT, Documents, main

Change = Callable[[dict[str, Any]], None]

OLD: dict[str, Any] = {
    "info": {"version": "1.2.0"},
    "paths": {
        "/novels/": {
            "get": {
                "operationId": "novels_list",
                "parameters": [
                    {"in": "query", "name": "genre", "schema": {"type": "string"}},
                    {"in": "query", "name": "size", "schema": {"type": "integer", "maximum": 100}},
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Novel"},
                                }
                            }
                        }
                    }
                },
            },
            "post": {
                "operationId": "novels_create",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["title"],
                                "properties": {
                                    "title": {"type": "string", "maxLength": 300},
                                    "visibility": {"enum": ["public", "private"]},
                                },
                            }
                        }
                    }
                },
                "responses": {"201": {"$ref": "#/components/responses/Created"}},
            },
        }
    },
    "components": {
        "schemas": {
            "Novel": {
                "type": "object",
                "required": ["id", "state"],
                "properties": {
                    "id": {"type": "integer"},
                    "state": {"enum": ["pending", "completed"]},
                    "owner": {"type": ["string", "null"]},
                },
            }
        },
        "responses": {"Created": {"description": "Created"}},
        "examples": {"problem.not_found": {}},
    },
}


def operation(document: dict[str, Any], method: str) -> Any:
    return document["paths"]["/novels/"][method]


def novel(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Novel"]


def body(document: dict[str, Any]) -> Any:
    return operation(document, "post")["requestBody"]["content"]["application/json"]["schema"]


BREAKS: dict[str, Change] = {
    "GET /novels/ is gone.": lambda new: new["paths"]["/novels/"].pop("get"),
    "problem.not_found is gone.": lambda new: new["components"]["examples"].clear(),
    "the operationId is no longer `novels_list`.": lambda new: operation(new, "get").update(
        operationId="list"
    ),
    "it needs credentials.": lambda new: operation(new, "get").update(security=[{"bearer": []}]),
    "the query parameter `genre` is gone.": lambda new: operation(new, "get")["parameters"].pop(0),
    "the query parameter `genre` is required.": lambda new: operation(new, "get")["parameters"][
        0
    ].update(required=True),
    "the query parameter `new` is required.": lambda new: operation(new, "get")[
        "parameters"
    ].append({"in": "query", "name": "new", "required": True, "schema": {}}),
    "parameter `size` has maximum 50, was 100.": lambda new: operation(new, "get")["parameters"][1][
        "schema"
    ].update(maximum=50),
    "the status 201 is gone.": lambda new: operation(new, "post").update(responses={"200": {}}),
    "a body is required.": lambda new: operation(new, "post")["requestBody"].update(required=True),
    "request: application/json is gone.": lambda new: operation(new, "post")["requestBody"].update(
        content={}
    ),
    "request.title is gone.": lambda new: body(new)["properties"].pop("title"),
    "request.visibility is required.": lambda new: body(new)["required"].append("visibility"),
    "request.title has maxLength 80, was 300.": lambda new: body(new)["properties"]["title"].update(
        maxLength=80
    ),
    "request.title refuses string.": lambda new: body(new)["properties"]["title"].update(
        type="integer"
    ),
    "request.visibility refuses 'private'.": lambda new: body(new)["properties"][
        "visibility"
    ].update(enum=["public"]),
    "response 200[].owner is gone.": lambda new: novel(new)["properties"].pop("owner"),
    "response 200[].id may be absent.": lambda new: novel(new)["required"].remove("id"),
    "response 200[].id may be null.": lambda new: novel(new)["properties"]["id"].update(
        type=["integer", "null"]
    ),
    "response 200[].state may be 'failed'.": lambda new: novel(new)["properties"]["state"][
        "enum"
    ].append("failed"),
    "response 200[].owner has the format uri, was None.": lambda new: novel(new)["properties"][
        "owner"
    ].update(format="uri"),
}

COMPATIBLE: list[Change] = [
    lambda new: new["paths"].update({"/genres/": {"get": {"operationId": "genres_list"}}}),
    lambda new: operation(new, "get")["parameters"].append(
        {"in": "query", "name": "new", "schema": {}}
    ),
    lambda new: operation(new, "get")["parameters"][1]["schema"].update(maximum=200),
    lambda new: body(new)["properties"].update(author={"type": "string"}),
    lambda new: body(new)["required"].remove("title"),
    lambda new: body(new)["properties"]["title"].update(type=["string", "null"]),
    lambda new: body(new)["properties"]["visibility"]["enum"].append("shared"),
    lambda new: novel(new)["properties"].update(author={"type": "string"}),
    lambda new: novel(new)["properties"]["owner"].update(type="string"),
    lambda new: novel(new)["required"].append("owner"),
    lambda new: operation(new, "post")["responses"].update({"404": {}}),
]


def apply_change(change: Change) -> Documents:
    new = deepcopy(OLD)
    change(new)
    return Documents(OLD, new)


@pytest.mark.parametrize("expected", BREAKS)
def test_a_break_is_named(expected: str) -> None:
    breaks = apply_change(BREAKS[expected]).list_breaks()

    assert any(each.endswith(expected) for each in breaks), breaks


@pytest.mark.parametrize("change", COMPATIBLE)
def test_an_addition_is_no_break(change: Change) -> None:
    assert apply_change(change).list_breaks() == []


def test_a_choice_of_null_and_one_other_is_a_type_that_may_be_null() -> None:
    documents = apply_change(
        lambda new: novel(new)["properties"].update(
            owner={"oneOf": [{"type": "string"}, {"type": "null"}]}
        )
    )

    assert documents.list_breaks() == []


def test_a_new_major_version_may_break() -> None:
    assert apply_change(lambda new: new["info"].update(version="2.0.0")).is_major()
    assert not apply_change(lambda new: new["info"].update(version="1.3.0")).is_major()


def test_the_committed_document_is_the_one_of_the_server() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

    rendered = OpenApiJsonRenderer().render(document, renderer_context={})
    assert json.loads(CURRENT.read_text()) == json.loads(rendered), "Run `make openapi`."


def test_the_committed_document_breaks_no_client_of_the_previous_release(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main()

    assert status == 0, capsys.readouterr().out
