"""What the whole document adds: components, pages, examples; and which routes it has."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import IsAdminUser

from morpheus.api.openapi.components import HEADERS, PARAMETERS, PROBLEM
from morpheus.api.openapi.examples import add_examples
from morpheus.api.openapi.problems import describe_example, describe_response

_RESPONSES = "#/components/responses/"

# Path, the same as a regular expression, method, view.
Endpoints = list[tuple[str, str, str, Any]]


def select_public(endpoints: Endpoints) -> Endpoints:
    """Return the routes that are not for staff alone."""
    return [each for each in endpoints if not _is_for_staff(each)]


def select_staff(endpoints: Endpoints) -> Endpoints:
    """Return the routes for staff."""
    return [each for each in endpoints if _is_for_staff(each)]


def _is_for_staff(endpoint: tuple[str, str, str, Any]) -> bool:
    return IsAdminUser in endpoint[3].cls.permission_classes


def complete_document(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the components that operations refer to, and the examples."""
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name, schema in schemas.items():
        if name.startswith("Paginated"):
            _describe_page(schema)
    schemas["Problem"] = PROBLEM
    names = set()
    for path, operations in result.get("paths", {}).items():
        for operation in operations.values():
            add_examples(path, operation, schemas)
            references = [each.get("$ref", "") for each in operation["responses"].values()]
            names |= {each.removeprefix(_RESPONSES) for each in references if each}
    components |= {
        "headers": HEADERS,
        "parameters": PARAMETERS,
        "responses": {name: describe_response(name) for name in sorted(names)},
        "examples": {
            f"problem.{code}": describe_example(code)
            for code in sorted({code for name in names for code in name.split(".")[1:]})
        },
    }
    return result


def _describe_page(schema: dict[str, Any]) -> None:
    """Describe a page's links as OpenAPI 3.1 does: null at an end."""
    schema["required"] = ["next", "previous", "results"]
    for link in ("next", "previous"):
        schema["properties"][link] = {"type": ["string", "null"], "format": "uri"}
