"""The OpenAPI document says what the API does."""

from __future__ import annotations

import json

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from morpheus.api.openapi import SchemaView


@pytest.fixture
def document(client):
    return client.get("/api/v1/schema/", headers={"Accept": "application/json"}).json()


@pytest.fixture
def operations(document):
    found = [operation for path in document["paths"].values() for operation in path.values()]
    return {operation["operationId"]: operation for operation in found}


@pytest.fixture
def assert_described(document):
    """Check a response against one of the document's schemas."""

    def check(name, response):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        assert response.status_code < 500
        assert [
            error.message for error in Draft202012Validator(schema).iter_errors(response.json())
        ] == []

    return check


def test_every_operation_has_a_summary_of_one_sentence(operations):
    summaries = {name: operation.get("summary", "") for name, operation in operations.items()}

    assert [name for name, summary in summaries.items() if not 0 < len(summary) <= 90] == []
    assert summaries["novels_list"] == (
        "List public novels, the same for everyone; with `owner=me` all of my own"
    )
    assert summaries["auth_token_create"] == "Log in"


def test_a_summary_ends_with_its_sentence_and_not_within_a_name(operations):
    assert operations["novels_create"]["summary"] == (
        "Upload a novel (.txt or .epub); it is parsed in the background, see its status"
    )


def test_every_error_is_described_as_a_problem(operations):
    for operation in operations.values():
        refused = {s: r for s, r in operation["responses"].items() if s.startswith(("4", "5"))}
        assert {"4XX", "503"} <= refused.keys()
        assert all("application/problem+json" in r["content"] for r in refused.values())
    assert "409" in operations["novels_create"]["responses"]


def test_every_get_may_be_conditional(document):
    gets = [path["get"] for path in document["paths"].values() if "get" in path]

    assert gets and all("304" in get["responses"] for get in gets)


def test_revoking_a_token_needs_it(operations):
    assert operations["auth_token_revoke"]["security"] == [{"bearer": []}]


@pytest.mark.django_db
def test_the_document_describes_first_and_last_pages(api, make_novels, assert_described):
    make_novels(3)

    first = api.get("/api/v1/novels/?page_size=2")
    last = api.get(first.json()["next"])

    assert first.json()["previous"] is None and last.json()["next"] is None
    assert_described("PaginatedNovelList", first)
    assert_described("PaginatedNovelList", last)


@pytest.mark.django_db
def test_members_that_are_always_present_are_required(document, api, make_novels):
    make_novels(1)

    (novel,) = api.get("/api/v1/novels/").json()["results"]

    assert set(document["components"]["schemas"]["Novel"]["required"]) == novel.keys()


@pytest.mark.django_db
def test_every_route_responds_to_options(as_user, make_user, document):
    client = as_user(make_user(is_staff=True))

    for path in document["paths"]:
        for name in ("novel_id", "comic_id", "number"):
            path = path.replace(f"{{{name}}}", "1")
        assert client.options(path).status_code == 200, path


def test_the_document_is_generated_once_for_each_media_type(client, monkeypatch):
    monkeypatch.setattr(SchemaView, "_documents", {})
    made = []
    generate = SchemaGenerator.get_schema

    def counted(self, *args, **kwargs):
        made.append(1)
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)

    def fetch(accept):
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
