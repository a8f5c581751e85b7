"""What the OpenAPI document says beyond what the views show: how errors look."""

from __future__ import annotations

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
    for path in result.get("paths", {}).values():
        for operation in path.values():
            operation["responses"].setdefault(
                "4XX", {"description": "Refused.", "content": content}
            )
            operation["responses"].setdefault(
                "503", {"description": "Database out of reach or busy.", "content": content}
            )
    return result
