"""The OpenAPI document says what the API does."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from morpheus.api.openapi.examples import add_examples
from morpheus.api.openapi.views import SchemaView
from morpheus.http.problem_codes import PROBLEMS
from tests.serving import REPOSITORY


@pytest.fixture
def document(client: Any) -> Any:
    return client.get("/api/v1/schema/", headers={"Accept": "application/json"}).json()


@pytest.fixture
def staff_document(as_user: Any, make_user: Any) -> Any:
    client = as_user(make_user(is_staff=True))
    return client.get("/api/v1/perf/schema/", headers={"Accept": "application/json"}).json()


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


def bodies_of(operation: Any) -> Iterator[Any]:
    """Yield the bodies of the request and of the responses."""
    yield operation.get("requestBody", {})
    yield from operation["responses"].values()


def assert_examples_valid(name: str, body: Any, components: Any) -> None:
    for media_type, content in body.get("content", {}).items():
        examples = [each["value"] for each in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        is_binary = content["schema"].get("format") == "binary"
        assert is_binary or examples, f"{name} {media_type}"
        validator = Draft202012Validator({**content["schema"], "components": components})
        for example in examples:
            assert [each.message for each in validator.iter_errors(example)] == [], name


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


def test_every_error_is_described_as_a_problem_with_its_codes(
    operations: Any, document: Any
) -> None:
    for operation in operations.values():
        refused = {s: r for s, r in operation["responses"].items() if s.startswith(("4", "5"))}
        assert {"400", "500"} <= refused.keys()
        for status, reference in refused.items():
            name = reference["$ref"].removeprefix("#/components/responses/")
            response = document["components"]["responses"][name]
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert {str(PROBLEMS[code].status) for code in content["examples"]} == {status}
    responses = operations["novels_create"]["responses"]
    assert responses["409"]["$ref"].endswith("409.idempotency_key_in_use.upload_exists")
    assert "403" not in operations["genres_list"]["responses"]


def test_every_code_belongs_to_an_operation_or_to_none_that_is_documented(
    operations: Any, document: Any
) -> None:
    named = {name.removeprefix("problem.") for name in document["components"]["examples"]}

    # Other methods of a route, routes of staff, and an unspecific conflict.
    assert PROBLEMS.keys() - named == {
        *("method_not_allowed", "permission_denied", "traces_unavailable", "conflict")
    }


def test_every_get_with_an_etag_may_be_conditional(document: Any) -> None:
    gets = [path["get"] for path in document["paths"].values() if "get" in path]

    without = {get["operationId"] for get in gets if "304" not in get["responses"]}
    assert without == {"novels_events", "users_me_events", "users_me_exports_file"}
    assert all(
        ("ETag" in get["responses"]["200"]["headers"]) == ("304" in get["responses"])
        for get in gets
    )


def test_an_event_stream_is_described(operations: Any) -> None:
    for name in ("novels_events", "users_me_events"):
        operation = operations[name]
        [(media_type, content)] = operation["responses"]["200"]["content"].items()
        assert (media_type, content["schema"]) == ("text/event-stream", {"type": "string"})
        assert "data: {" in content["examples"]["AnEvent"]["value"]
        assert "307" in operation["responses"]
        assert [each["name"] for each in operation["parameters"] if each["in"] == "header"] == [
            "Last-Event-ID"
        ]


def test_every_body_has_an_example_that_its_schema_allows(
    document: Any, staff_document: Any
) -> None:
    for each in (document, staff_document):
        for path, operations in each["paths"].items():
            for method, operation in operations.items():
                for body in bodies_of(operation):
                    assert_examples_valid(f"{method} {path}", body, each["components"])


def test_an_example_is_composed_from_the_schema_and_the_table(operations: Any) -> None:
    [content] = operations["novels_list"]["responses"]["200"]["content"].values()

    page = content["example"]
    assert page["next"].startswith("https://morpheus.example/api/v1/novels/?cursor=")
    assert page["results"][0]["owner"] == {"id": 7, "display_name": "Ann"}


def test_a_field_without_an_example_names_the_table() -> None:
    schemas = {"Book": {"type": "object", "properties": {"isbn": {"type": "string"}}}}
    content: Any = {"application/json": {"schema": {"$ref": "#/components/schemas/Book"}}}

    with pytest.raises(LookupError, match=r"Book\.isbn.*settings/openapi\.py"):
        add_examples("/books/", {"responses": {"200": {"content": content}}}, schemas)


def test_headers_are_those_that_the_server_sends(operations: Any, document: Any) -> None:
    def headers(name: str, status: str) -> set[str]:
        return {*operations[name]["responses"][status]["headers"]}

    always = {"X-Request-ID", "Server-Timing"}
    limits = {"RateLimit", "RateLimit-Policy"}
    of_lists = {"ETag", "Cache-Control", "Link", "Preference-Applied"}
    assert headers("novels_list", "200") == always | of_lists
    assert headers("novels_create", "201") == always | limits | {"Location", "Idempotency-Replayed"}
    assert headers("novels_update", "200") == always | limits | {"ETag"}
    assert headers("novels_status_read", "200") >= {"X-Poll-Interval"}
    assert headers("panels_image", "302") >= {"Location"}
    throttled = document["components"]["responses"]["429.throttled"]["headers"]
    assert {*throttled} == always | limits | {"Retry-After"}


def test_every_tag_and_the_servers_are_described(operations: Any, document: Any) -> None:
    used = {tag for operation in operations.values() for tag in operation["tags"]}

    assert used == {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])
    assert document["openapi"].startswith("3.1") and document["servers"][0]["url"] == "/"


def test_routes_of_staff_are_in_a_document_of_their_own(
    document: Any, staff_document: Any, api: Any
) -> None:
    assert not any("/perf/" in path for path in document["paths"])
    assert {*staff_document["paths"]} == {
        "/api/v1/perf/requests/",
        "/api/v1/perf/requests/{identifier}/",
    }
    assert api.get("/api/v1/perf/schema/").status_code == 401


def test_one_version_is_everywhere(document: Any, settings: Any) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    headings = re.findall(r"^## (.*)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert document["info"]["version"] == settings.MORPHEUS_VERSION == project["version"]
    assert headings[0].removeprefix("Unreleased: ") == settings.MORPHEUS_VERSION


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
    # Secrets are not stored, and a token is not compared.
    assert not refers("users_me_tokens_create", "IdempotencyKey")
    assert not refers("users_me_tokens_revoke", "IfMatch")
    assert {"409", "422"} <= operations["comics_create"]["responses"].keys()
    assert "412" in operations["novels_update"]["responses"]
    assert document["components"]["parameters"]["IfMatch"]["name"] == "If-Match"
