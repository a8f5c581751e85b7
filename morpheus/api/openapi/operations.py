"""One operation of the document: parameters, headers, problems, summary."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from drf_spectacular.openapi import AutoSchema

from morpheus.api.lists import ListView
from morpheus.api.openapi.problems import is_repeatable, list_codes, refer_to_problems
from morpheus.api.views import MorpheusAPIView, ParameterView

_OF_WRITES = ("RateLimit", "RateLimit-Policy")


class ViewSchema(AutoSchema):
    """drf-spectacular's schema, with what our views declare and our server adds."""

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters that the view itself checks."""
        declared = getattr(self.view, "list_parameters", tuple)
        return [*declared()] if self.method == "GET" else []

    def get_operation(self, *args: Any) -> Any:
        operation: Any = super().get_operation(*args)
        if operation:
            self._add_body_of_delete(operation)
            self._add_retries(operation)
            self._add_headers(operation)
            _add_summary(operation)
            _add_examples_of_path(operation)
            codes = list_codes(self.view, self.method, operation)
            operation["responses"] |= refer_to_problems(codes)
        return operation

    def _add_body_of_delete(self, operation: dict[str, Any]) -> None:
        """Add the view's `delete_input`: drf-spectacular leaves the body of a DELETE out."""
        body = getattr(self.view, "delete_input", None)
        if self.method == "DELETE" and body is not None:
            schema = self.resolve_serializer(body, "request").ref
            content = {"application/json": {"schema": schema}}
            operation["requestBody"] = {"content": content, "required": True}

    def _add_retries(self, operation: dict[str, Any]) -> None:
        """Add the header that makes a write repeatable or conditional, or a list counted."""
        header = None
        if isinstance(self.view, MorpheusAPIView):
            if is_repeatable(self.view, self.method, operation):
                header = "IdempotencyKey"
            elif self.method in self.view.conditional_methods:
                header = "IfMatch"
            elif self._prefers():
                header = "Prefer"
        if header is not None:
            reference = {"$ref": f"#/components/parameters/{header}"}
            operation.setdefault("parameters", []).append(reference)

    def _prefers(self) -> bool:
        """Tell whether the operation is a list that counts its rows on request."""
        return self.method == "GET" and isinstance(self.view, ListView)

    def _add_headers(self, operation: dict[str, Any]) -> None:
        """Add the headers of responses without a problem; and 304."""
        responses, view = operation["responses"], cast(ParameterView, self.view)
        has_etag = self.method == "GET" and view.has_etag
        if has_etag:
            responses["304"] = {"description": "`If-None-Match` has its `ETag`."}
        for status, response in responses.items():
            names = {"X-Request-ID", "Server-Timing"}
            if status in ("200", "304") and has_etag:
                names |= {"ETag", "Cache-Control"}
            if status == "200" and self.method == "PATCH":
                names.add("ETag")
            if status == "200" and self._get_paginator():  # type: ignore[no-untyped-call]
                names.add("Link")
            if status == "200" and self._prefers():
                names.add("Preference-Applied")
            if status in ("302", "307"):
                names.add("Location")
            if self.method not in ("GET", "HEAD"):
                names |= {*_OF_WRITES}
            if is_repeatable(self.view, self.method, operation):
                names.add("Idempotency-Replayed")
            response["description"] = response["description"] or HTTPStatus(int(status)).phrase
            response.setdefault("headers", {}).update(
                {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}
            )


def _add_summary(operation: dict[str, Any]) -> None:
    """Take the first sentence of the description as summary, which is not Markdown."""
    text = " ".join(operation.get("description", "").replace("`", "").split())
    # A sentence ends before a space and a capital: ".txt or .epub" does not end one.
    first = re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0].rstrip(".")
    if first:
        operation.setdefault("summary", first)


def _add_examples_of_path(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "path":
            parameter["example"] = settings.MORPHEUS_OPENAPI_EXAMPLES[parameter["name"]]
