"""One action on many of the caller's own rows, with a result for each."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from morpheus.api.reads import BIGINT_MAX, Row
from morpheus.api.views import MorpheusAPIView

PUBLISH, WITHDRAW, DELETE = "publish", "withdraw", "delete"

# Of one request. Deleting so many novels of usual length takes a second.
IDS_MAX = 100


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": BIGINT_MAX},
        "uniqueItems": True,
    }
)
class IdListField(serializers.ListField):
    """Distinct primary keys; one error for all, in little time for many."""

    child = serializers.IntegerField(min_value=1, max_value=BIGINT_MAX)

    def run_child_validation(self, data: list[Any]) -> list[int]:
        # In JSON Schema, 1.0 is an integer.
        ids = [int(each) if type(each) is float and each.is_integer() else each for each in data]
        if not all(type(each) is int and 0 < each <= BIGINT_MAX for each in ids):
            raise serializers.ValidationError("Give a list of ids.")
        if len(set(ids)) < len(ids):
            raise serializers.ValidationError("Give each id once.", "repeated")
        return ids


class BulkInput(serializers.Serializer[Any]):
    """An action on up to 100 of the caller's own."""

    action = serializers.ChoiceField([PUBLISH, WITHDRAW, DELETE])
    # `min_length` is for the document.
    ids = IdListField(allow_empty=False, min_length=1, max_length=IDS_MAX)


class BulkItemSerializer(serializers.Serializer[Any]):
    """What became of one of the ids."""

    id = serializers.IntegerField()
    status = serializers.IntegerField(help_text="As of the request for this one alone.")
    code = serializers.CharField(required=False, help_text="Of the problem, if it was refused.")
    detail = serializers.CharField(required=False, help_text="Of the refusal, for people.")


class BulkResultSerializer(serializers.Serializer[Any]):
    """A result for each id, in their order."""

    results = BulkItemSerializer(many=True)


def bulk_examples(name: str) -> list[OpenApiExample]:
    """Return the examples of the OpenAPI document, for rows of this name."""
    foreign = {"code": "not_owner", "detail": f"Only its owner may change a {name}."}
    results = [{"id": 42, "status": 200}, {"id": 43, "status": 403, **foreign}]
    return [
        OpenApiExample("Publish two", {"action": PUBLISH, "ids": [42, 43]}, request_only=True),
        OpenApiExample(
            "The second belongs to another user",
            {"results": results},
            response_only=True,
            status_codes=["200"],
        ),
    ]


class BulkView(MorpheusAPIView):
    """Base of a POST that changes many rows in one transaction, by a bounded number of statements.

    Attributes:
        rows: Manager of the rows, which say their owner and visibility.
    """

    permission_classes = [IsAuthenticated]
    serializer_class = BulkInput
    rows: Any

    def set_own_visibility(self, ids: list[int], is_public: bool) -> Collection[int]:
        """Publish or withdraw the caller's own rows; return their ids."""
        raise NotImplementedError

    def delete_own(self, ids: list[int]) -> Collection[int]:
        """Delete the caller's own rows; return their ids."""
        raise NotImplementedError

    def respond_bulk(self) -> Response:
        """Carry out the action of the body."""
        form = self.read_input(BulkInput)
        ids, is_deletion = form["ids"], form["action"] == DELETE
        if is_deletion:
            done = self.delete_own(ids)
        else:
            done = self.set_own_visibility(ids, form["action"] == PUBLISH)
        status = HTTPStatus.NO_CONTENT if is_deletion else HTTPStatus.OK
        refused = self._explain([pk for pk in ids if pk not in done])
        return Response({"results": [refused.get(pk, {"id": pk, "status": status}) for pk in ids]})

    def _explain(self, ids: list[int]) -> dict[int, Row]:
        """Return the results of rows that are not the caller's, as `require_owner` refuses them."""
        if not ids:
            return {}
        name = self.rows.model._meta.verbose_name
        visible = {*self.rows.visible_to(self.user.pk).of_ids(ids).values_list("pk", flat=True)}
        foreign = (HTTPStatus.FORBIDDEN, "not_owner", f"Only its owner may change a {name}.")
        absent = (HTTPStatus.NOT_FOUND, "not_found", "Not found.")
        return {
            pk: {"id": pk, "status": status, "code": code, "detail": detail}
            for pk in ids
            for status, code, detail in [foreign if pk in visible else absent]
        }
