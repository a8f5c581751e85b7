"""Examples of bodies, composed from their schemas and from `MORPHEUS_OPENAPI_EXAMPLES`.

An operation that has an example of its own (`extend_schema(examples=…)`) keeps it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

# Media types whose bytes are no text.
_BINARY = ("image/", "application/zip")
_TIME = "2026-11-30T12:00:00.000000Z"


def add_examples(path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give every body of an operation, apart from binary ones, an example.

    Raises:
        LookupError: A field has no value: add one to `MORPHEUS_OPENAPI_EXAMPLES`.
    """
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media_type, content in body.get("content", {}).items():
            has_one = {"example", "examples"} & content.keys()
            if has_one or media_type.startswith(_BINARY) or "schema" not in content:
                continue
            content["example"] = _compose(content["schema"], "", schemas)
            if isinstance(content["example"], dict) and content["example"].get("next"):
                host = "https://morpheus.example"
                content["example"]["next"] = f"{host}{path}?cursor={_lookup('', 'cursor')}"


def _compose(schema: dict[str, Any], name: str, schemas: dict[str, Any], owner: str = "") -> Any:
    """Return a value of a schema; `name` is that of the property, `owner` of its component."""
    values = settings.MORPHEUS_OPENAPI_EXAMPLES
    if f"{owner}.{name}" in values:
        return values[f"{owner}.{name}"]
    if "$ref" in schema:
        component = schema["$ref"].rpartition("/")[2]
        return _compose(schemas[component], "", schemas, component)
    for word in ("allOf", "oneOf", "anyOf"):
        if word in schema:
            return _compose(schema[word][0], name, schemas, owner)
    if "properties" in schema:
        return {
            each: _compose(value, each, schemas, owner)
            for each, value in schema["properties"].items()
        }
    if schema.get("type") == "array":
        return [_compose(schema["items"], name, schemas)]
    if schema.get("format") == "date-time":
        return _TIME
    if "enum" in schema:
        return schema["enum"][0]
    return _lookup(owner, name)


def _lookup(owner: str, name: str) -> Any:
    try:
        return settings.MORPHEUS_OPENAPI_EXAMPLES[name]
    except KeyError:
        place = f"`{owner}.{name}` or `{name}`"
        raise LookupError(f"Add an example of {place} to morpheus/settings/openapi.py.") from None
