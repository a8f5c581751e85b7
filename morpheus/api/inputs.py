"""What a request is checked for: query parameters, fields of its body, the owner of its row."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.http import Http404, QueryDict
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    PermissionDenied,
    ValidationError,
)
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

from morpheus.api.domain_errors import DomainError
from morpheus.api.reads import BIGINT_MAX
from morpheus.api.representations import hint_name
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.transactions import read_transaction
from morpheus.http.errors import InvalidParameters

# Bounds the work for a long query string.
_MAX_REPORTED = 5


def has_credentials(request: Request, authenticator: object) -> bool:
    """Tell whether an authenticator may find something in the header that it names."""
    header = getattr(authenticator, "credentials_header", None)
    return header is None or bool(request.META.get(header))


def refuse_unknown(params: QueryDict, known: tuple[str, ...]) -> None:
    """Check the names of a query string.

    Raises:
        InvalidParameters: A parameter is unknown, occurs twice, or has a null character.
    """
    errors = {}
    for name, values in params.lists():
        if name not in known:
            message = f"Unknown parameter. {hint_name(name, known)}"
            errors[name] = [ErrorDetail(message, "unknown_parameter")]
        elif len(values) > 1:
            errors[name] = [ErrorDetail("Give this parameter once.", "repeated_parameter")]
        elif "\x00" in values[0]:
            message = "Null characters are not allowed."
            errors[name] = [ErrorDetail(message, "null_characters_not_allowed")]
        if len(errors) == _MAX_REPORTED:
            break
    if errors:
        raise InvalidParameters(errors)


def read_fields(body: Any, serializer: type[Serializer[Any]], *, partial: bool) -> dict[str, Any]:
    """Return the fields of a body.

    Args:
        partial: Whether required fields may be absent.

    Raises:
        ValidationError: A field is malformed.
    """
    if body is None:
        raise ValidationError({api_settings.NON_FIELD_ERRORS_KEY: ["No data provided"]})
    fields: dict[str, Any] = _input_serializer(serializer, partial).run_validation(body)
    return fields


@cache
def _input_serializer(kind: type[Serializer[Any]], partial: bool) -> Serializer[Any]:
    """Return the serializer of a body; it keeps nothing of one, so all requests share it.

    Making its fields took a fifth of the time of a small write.
    """
    return kind(partial=partial)


def require_owner(rows: Any, pk: int, user_id: int | None) -> None:
    """Refuse a change of another user's row: 1 query.

    Args:
        rows: A manager whose rows say their owner and visibility.

    Raises:
        Http404: There is no such row, or the user cannot see it.
        PermissionDenied: The user is not its owner.
    """
    owners = _owner_read(rows.model).rows(pk, user_id) if pk <= BIGINT_MAX else []
    if not owners:
        raise Http404
    if owners != [(user_id,)]:
        name = rows.model._meta.verbose_name
        raise PermissionDenied(f"Only its owner may change a {name}.", "not_owner")


@cache
def _owner_read(model: type[Model]) -> CompiledRead:
    """Return the read of the owner of a row, by its key, if a user can see it."""
    rows: Any = model._default_manager
    return CompiledRead(
        *(int, int),
        build=lambda pk, user_id: rows.visible_to(user_id).filter(pk=pk).values_list("owner_id"),
    )


def explain_refusal(
    change: Callable[..., Any], rows: Any, pk: int, user_id: int
) -> Callable[..., Any]:
    """Return `change` with a 404 or 403 before any other error, if the row is another user's.

    A change that succeeds pays nothing for it.
    """

    def explained(*args: Any, **kwargs: Any) -> Any:
        try:
            return change(*args, **kwargs)
        except (APIException, DomainError, Http404, ObjectDoesNotExist):
            with read_transaction(as_user=user_id):
                require_owner(rows, pk, user_id)
            raise

    return explained
