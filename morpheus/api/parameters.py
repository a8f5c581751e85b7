"""Query parameters: a view takes those that it declares, each once."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.http import QueryDict
from drf_spectacular.openapi import AutoSchema
from rest_framework.exceptions import ValidationError

# Bounds the work for a long query string, and for a long name in it.
_MAX_REPORTED = 5
_MAX_COMPARED_CHARS = 40


class ViewSchema(AutoSchema):
    """drf-spectacular's schema, with the parameters that the view itself checks."""

    def get_override_parameters(self) -> list[Any]:
        return [*getattr(self.view, "parameters", ())] if self.method == "GET" else []


def refuse_unknown(params: QueryDict, known: tuple[str, ...]) -> None:
    """Check the names of a query string.

    Raises:
        ValidationError: A parameter is unknown, occurs twice, or has a null character.
    """
    errors = {}
    for name, values in params.lists():
        if name not in known:
            errors[name] = [f"Unknown parameter. {_hint(name, known)}"]
        elif len(values) > 1:
            errors[name] = ["Give this parameter once."]
        elif "\x00" in values[0]:
            errors[name] = ["Null characters are not allowed."]
        if len(errors) == _MAX_REPORTED:
            break
    if errors:
        raise ValidationError(errors)


def _hint(name: str, known: tuple[str, ...]) -> str:
    if not known:
        return "This request takes none."
    near = get_close_matches(name, known, n=1) if len(name) <= _MAX_COMPARED_CHARS else []
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Known are {', '.join(f'`{each}`' for each in known)}."
