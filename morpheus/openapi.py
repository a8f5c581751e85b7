"""What the OpenAPI document says beyond what the views show: how errors look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "existing_id": {
            "type": ["integer", "null"],
            "description": "With 409: what is there already.",
        },
        "errors": {
            "type": "object",
            "description": "What is wrong, by field.",
            "additionalProperties": True,
        },
    },
}


def add_problem_responses(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Give every operation its problem answers; a drf-spectacular postprocessing hook."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operation in _operations(result):
        responses = operation["responses"]
        responses.setdefault("4XX", {"description": "Refused."})
        responses.setdefault("503", {"description": "Database out of reach or busy."})
        for status, response in responses.items():
            if status.startswith(("4", "5")):
                response.setdefault("content", content)
    return result


def add_not_modified(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say that every GET may be asked conditionally; a drf-spectacular postprocessing hook."""
    for path in result.get("paths", {}).values():
        if "get" in path:
            path["get"]["responses"]["304"] = {"description": "`If-None-Match` names its `ETag`."}
    return result


def add_summaries(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Head each operation with its description's first sentence; a drf-spectacular hook."""
    for operation in _operations(result):
        text = " ".join(operation.get("description", "").split())
        # A sentence ends before a space and a capital: ".txt or .epub" does not end one.
        first = re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0].rstrip(".")
        if first:
            operation.setdefault("summary", first)
    return result


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in result.get("paths", {}).values():
        yield from path.values()
