"""What a new OpenAPI document breaks for clients of an older one.

    python -m tests.openapi_changes

compares docs/openapi.json with the document of the previous release, and fails for breaks that
neither a new major version nor ops/accepted_breaks.toml allows.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
CURRENT = ROOT / "docs" / "openapi.json"
PREVIOUS = ROOT / "ops" / "previous_openapi.json"
ACCEPTED = ROOT / "ops" / "accepted_breaks.toml"

# A request may not be narrowed by them: the new limit compared with the old one.
_LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("maxLength", "maximum", "maxItems"), lambda new, old: new < old),
    **dict.fromkeys(("minLength", "minimum", "minItems"), lambda new, old: new > old),
}
_ANY = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})
_Breaks = Iterator[str]


class Documents(NamedTuple):
    """An older document and a newer one."""

    old: dict[str, Any]
    new: dict[str, Any]

    def is_major(self) -> bool:
        """Tell whether the newer document has another major version."""
        old, new = (each["info"]["version"].split(".")[0] for each in self)
        return bool(old != new)

    def list_breaks(self) -> list[str]:
        """Return one sentence for each break."""
        old, new = (_operations(each) for each in self)
        breaks = [f"{name} is gone." for name in old.keys() - new.keys()]
        codes = [{*each.get("components", {}).get("examples", ())} for each in self]
        breaks += [f"{code} is gone." for code in codes[0] - codes[1]]
        for name in old.keys() & new.keys():
            breaks += [f"{name}: {each}" for each in self._compare(old[name], new[name])]
        return sorted({*breaks})

    def _compare(self, old: dict[str, Any], new: dict[str, Any]) -> _Breaks:
        if old["operationId"] != new["operationId"]:
            yield f"the operationId is no longer `{old['operationId']}`."
        if {} in old.get("security", [{}]) and {} not in new.get("security", [{}]):
            yield "it needs credentials."
        yield from self._compare_parameters(old, new)
        yield from self._compare_bodies(old, new)
        for status, response in self._responses(0, old).items():
            if not status.startswith(("2", "3")):
                continue
            if (replacement := self._responses(1, new).get(status)) is None:
                yield f"the status {status} is gone."
                continue
            contents = (response.get("content", {}), replacement.get("content", {}))
            yield from self._compare_contents(f"response {status}", *contents, is_request=False)

    def _compare_parameters(self, old: dict[str, Any], new: dict[str, Any]) -> _Breaks:
        before, after = (
            {(each["in"], each["name"]): each for each in self._parameters(side, operation)}
            for side, operation in enumerate((old, new))
        )
        for place, name in before.keys() - after.keys():
            yield f"the {place} parameter `{name}` is gone."
        for key, parameter in after.items():
            place, name = key
            was_required = before.get(key, {}).get("required", False)
            if parameter.get("required") and not was_required:
                yield f"the {place} parameter `{name}` is required."
            if key in before:
                schemas = (before[key]["schema"], parameter["schema"])
                yield from self._compare_schemas(f"parameter `{name}`", *schemas, is_request=True)

    def _compare_bodies(self, old: dict[str, Any], new: dict[str, Any]) -> _Breaks:
        before, after = old.get("requestBody", {}), new.get("requestBody", {})
        if after.get("required") and not before.get("required"):
            yield "a body is required."
        contents = (before.get("content", {}), after.get("content", {}))
        yield from self._compare_contents("request", *contents, is_request=True)

    def _compare_contents(
        self, place: str, old: dict[str, Any], new: dict[str, Any], *, is_request: bool
    ) -> _Breaks:
        for media_type, content in old.items():
            if media_type not in new:
                yield f"{place}: {media_type} is gone."
            elif "schema" in content and "schema" in new[media_type]:
                schemas = (content["schema"], new[media_type]["schema"])
                yield from self._compare_schemas(place, *schemas, is_request=is_request)

    def _compare_schemas(
        self, place: str, old: dict[str, Any], new: dict[str, Any], *, is_request: bool
    ) -> _Breaks:
        """Yield what clients send that the new schema refuses, or get that the old one excludes."""
        old, new = self._resolve(0, old), self._resolve(1, new)
        sent, understood = (old, new) if is_request else (new, old)
        verb = "refuses" if is_request else "may be"
        for each in sorted(_types(sent) - _types(understood)):
            yield f"{place} {verb} {each}."
        for each in _list_enum(sent, understood):
            yield f"{place} {verb} {each!r}."
        if old.get("format") != new.get("format"):
            yield f"{place} has the format {new.get('format')}, was {old.get('format')}."
        for word, is_narrower in _LIMITS.items() if is_request else ():
            if word in new and (word not in old or is_narrower(new[word], old[word])):
                yield f"{place} has {word} {new[word]}, was {old.get(word)}."
        yield from self._compare_properties(place, old, new, is_request=is_request)
        if "items" in old and "items" in new:
            items = (old["items"], new["items"])
            yield from self._compare_schemas(f"{place}[]", *items, is_request=is_request)

    def _compare_properties(
        self, place: str, old: dict[str, Any], new: dict[str, Any], *, is_request: bool
    ) -> _Breaks:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = {*old.get("required", ())}, {*new.get("required", ())}
        for name in before.keys() - after.keys():
            yield f"{place}.{name} is gone."
        if is_request:
            for name in needed_after - needed_before:
                yield f"{place}.{name} is required."
        else:
            for name in (needed_before - needed_after) & after.keys():
                yield f"{place}.{name} may be absent."
        for name in before.keys() & after.keys():
            schemas = (before[name], after[name])
            yield from self._compare_schemas(f"{place}.{name}", *schemas, is_request=is_request)

    def _resolve(self, side: int, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema without a reference, and without a choice of null and one other."""
        if "$ref" in schema:
            return self._resolve(side, self._follow(side, schema["$ref"]))
        for word in ("allOf", "oneOf", "anyOf"):
            others = [each for each in schema.get(word, ()) if each.get("type") != "null"]
            if len(others) == 1:
                only = self._resolve(side, others[0])
                has_null = len(others) < len(schema[word])
                return only | {"type": [*_types(only), "null"]} if has_null else only
        return schema

    def _responses(self, side: int, operation: dict[str, Any]) -> dict[str, Any]:
        return {
            status: self._follow(side, each["$ref"]) if "$ref" in each else each
            for status, each in operation["responses"].items()
        }

    def _parameters(self, side: int, operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for each in operation.get("parameters", ()):
            yield self._follow(side, each["$ref"]) if "$ref" in each else each

    def _follow(self, side: int, reference: str) -> dict[str, Any]:
        component: Any = self[side]
        for name in reference.removeprefix("#/").split("/"):
            component = component[name]
        return component  # type: ignore[no-any-return]


def _operations(document: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _types(schema: dict[str, Any]) -> frozenset[str]:
    kinds = schema.get("type", _ANY)
    kinds = {kinds} if isinstance(kinds, str) else {*kinds}
    return frozenset(kinds | {"integer"} if "number" in kinds else kinds)


def _list_enum(sent: dict[str, Any], understood: dict[str, Any]) -> list[Any]:
    """Return the values of an enumeration that only one side knows."""
    if "enum" not in understood:
        return []
    return [each for each in sent.get("enum", ["other values"]) if each not in understood["enum"]]


def main() -> int:
    """Print every break that is not accepted, and every accepted one that is none."""
    documents = Documents(*(json.loads(path.read_text()) for path in (PREVIOUS, CURRENT)))
    accepted = tomllib.loads(ACCEPTED.read_text())
    breaks = [] if documents.is_major() else documents.list_breaks()
    errors = [f"FAIL  {each}" for each in breaks if each not in accepted]
    errors += [f"FAIL  Accepted, but no break: {each}" for each in accepted if each not in breaks]
    for line in errors or ["ok  No client of the previous release breaks."]:
        print(line)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
