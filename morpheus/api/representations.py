"""What of a response a client wants: `?fields=id,title` and `?expand=owner`.

The cache has whole values: fields are left out, and related objects put in, after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, NamedTuple

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from morpheus.api.reads import Row

FIELDS, EXPAND = "fields", "expand"

# A longer name is compared with none.
_MAX_COMPARED_CHARS = 40
# Representations that a process has checked. A client can ask for many.
_MAX_CHECKED = 500


@dataclass(frozen=True, slots=True)
class Expansion:
    """A related object that rows show on request.

    Attributes:
        description: For the OpenAPI document, with the bound of a list.
        add: Returns rows with the objects, at a cost that does not grow with their number.
    """

    description: str
    add: Callable[[list[Row], int | None, Request], list[Row]]


class Representation(NamedTuple):
    """What a request wants of each row.

    Attributes:
        fields: Names in the order of the serializer; None for all.
        expand: Names of expansions, sorted.
    """

    fields: tuple[str, ...] | None = None
    expand: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters in the one spelling that links have."""
        names = {FIELDS: self.fields or (), EXPAND: self.expand}
        return {name: ",".join(each) for name, each in names.items() if each}

    def select(self, rows: list[Row]) -> list[Row]:
        """Return rows with the wanted fields alone."""
        if self.fields is None:
            return rows
        return [{name: row[name] for name in self.fields} for row in rows]


@lru_cache(maxsize=_MAX_CHECKED)
def parse_representation(
    fields: str | None, expand: str | None, known: tuple[str, ...], expansions: tuple[str, ...]
) -> Representation:
    """Return what the two parameters ask for.

    Args:
        known: The fields of the serializer.

    Raises:
        ValidationError: A name is unknown or repeated, or an expansion is not among the fields.
    """
    expanded = () if expand is None else tuple(sorted(_parse_names(EXPAND, expand, expansions)))
    if fields is None:
        return Representation(None, expanded)
    # An expansion may put an object in the place of a field, and so have its name.
    every = tuple(dict.fromkeys((*known, *expansions)))
    names = _parse_names(FIELDS, fields, every)
    for name in names:
        if name not in known and name not in expanded:
            _refuse(FIELDS, f"`{name}` needs `{EXPAND}={name}`.", "not_expanded")
    for name in expanded:
        if name not in names:
            _refuse(EXPAND, f"`{FIELDS}` leaves out `{name}`.", "left_out")
    return Representation(tuple(name for name in every if name in names), expanded)


def _parse_names(parameter: str, text: str, known: Sequence[str]) -> list[str]:
    """Return the names that commas separate."""
    names: list[str] = []
    # At most one more than there are.
    for name in text.split(",", len(known)):
        if name not in known:
            _refuse(parameter, f"Unknown name. {hint_name(name, tuple(known))}", "unknown_name")
        if name in names:
            _refuse(parameter, "Give each name once.", "repeated")
        names.append(name)
    return names


def hint_name(name: str, known: tuple[str, ...]) -> str:
    """Return what a client should write in place of an unknown name."""
    if not known:
        return "This request takes none."
    if name == "page" and "cursor" in known:
        return "This list has no page numbers; follow `next`, which has a `cursor`."
    near = get_close_matches(name, known, n=1) if len(name) <= _MAX_COMPARED_CHARS else []
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Known are {', '.join(f'`{each}`' for each in known)}."


def _refuse(parameter: str, message: str, code: str) -> None:
    raise ValidationError({parameter: [ErrorDetail(message, code)]})


class RepresentedRows:
    """A view of rows, or of one, which may be represented in part or with related objects.

    Attributes:
        parameters: What GET takes beside the parameters of filters, pagination and representations.
        has_fields: Whether GET takes `fields`.
        expansions: Related objects by their names in `expand`; only with `has_fields`.
        representation: What the request wants of each row; None for the rows as they are.
    """

    parameters: tuple[OpenApiParameter, ...] = ()
    has_fields = False
    expansions: Mapping[str, Expansion] = {}
    representation: Representation | None = None

    serializer_class: Any
    request: Any
    reader_id: Any

    @classmethod
    @cache
    def field_names(cls) -> tuple[str, ...]:
        """Return the names of the fields of a row."""
        fields = cls.serializer_class().fields
        return tuple(name for name, each in fields.items() if not each.write_only)

    @classmethod
    def list_parameters(cls) -> Sequence[OpenApiParameter]:
        """Return the parameters of GET without those of filters and pagination."""
        if not cls.has_fields:
            return cls.parameters
        return [*cls.parameters, *_describe(cls.field_names(), cls.expansions)]

    def read_representation(self, request: Request) -> None:
        """Read what the parameters ask for, before any look-up.

        Raises:
            ValidationError: As of `parse_representation`.
        """
        fields, expand = (request.query_params.get(name) for name in (FIELDS, EXPAND))
        if fields is not None or expand is not None:
            self.representation = parse_representation(
                fields, expand, self.field_names(), tuple(self.expansions)
            )

    def represent(self, rows: list[Row]) -> list[Row]:
        """Return rows with the related objects and the fields that the request wants."""
        if (representation := self.representation) is None:
            return rows
        for name in representation.expand:
            rows = self.expansions[name].add(rows, self.reader_id, self.request)
        return representation.select(rows)


def _describe(known: Sequence[str], expansions: Mapping[str, Expansion]) -> list[OpenApiParameter]:
    """Return the parameters of a view for the OpenAPI document."""
    parameters = [
        OpenApiParameter(
            FIELDS,
            str,
            description="Only these fields, separated by commas; others are then missing, also "
            f"required ones. Known are {', '.join(f'`{name}`' for name in known)}.",
        )
    ]
    if expansions:
        names: Any = {"type": "array", "items": {"type": "string", "enum": [*expansions]}}
        lines = [f"`{name}`: {each.description}" for name, each in expansions.items()]
        description = "Related objects to include, separated by commas. " + " ".join(lines)
        parameters.append(
            OpenApiParameter(EXPAND, names, description=description, style="form", explode=False)
        )
    return parameters
