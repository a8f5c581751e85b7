"""Query parameters: a view takes those that it declares, each once, and refuses all others."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

# Of one request, so that a long query string is not work; of longer names, no neighbour is sought.
_MAX_REPORTED = 5
_MAX_COMPARED_CHARS = 40


class ParameterView(APIView):
    """Base of views that refuse a request with a query parameter that they do not declare.

    Attributes:
        parameters: What GET takes beside the parameters of the view's filters and pagination. The
            OpenAPI document reads them here as well. A method that changes something takes none.
    """

    parameters: tuple[OpenApiParameter, ...] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse before anything is looked up: the response depends on the URL alone."""
        if request.META.get("QUERY_STRING"):
            is_read = request.method in SAFE_METHODS
            refuse_unknown(request.query_params, self.parameter_names() if is_read else ())
        super().initial(request, *args, **kwargs)

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of all parameters that this view takes with GET, sorted."""
        sources = [backend() for backend in getattr(cls, "filter_backends", ())]
        # Every view has a pagination class, from the settings; a list has orderings.
        if paginator := hasattr(cls, "orderings") and getattr(cls, "pagination_class", None):
            sources.append(paginator())
        names = {each.name for each in cls.parameters}
        for source in sources:
            names |= {each["name"] for each in source.get_schema_operation_parameters(cls)}
        return tuple(sorted(names))


def refuse_unknown(given: QueryDict, known: tuple[str, ...]) -> None:
    """Check the names of a query string.

    Raises:
        ValidationError: A parameter is not among `known`, or is there twice.
    """
    errors = {}
    for name, values in given.lists():
        if name not in known:
            errors[name] = [f"Unknown parameter. {_hint(name, known)}"]
        elif len(values) > 1:
            errors[name] = ["Give this parameter once."]
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
