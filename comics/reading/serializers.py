"""The JSON of reading progress; `morpheus.api.rendering` renders the rows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import (
    PolymorphicProxySerializer,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from comics.reading.models import Progress
from comics.serializers import ComicSerializer
from morpheus.api.inputs import read_fields
from morpheus.api.reads import BIGINT_MAX
from novels.serializers import NovelSerializer

# What one request may store; a queue of a longer time offline takes several.
ENTRIES_MAX = 100
_NUMBER_MAX = 2**31 - 1


class ProgressSerializer(serializers.ModelSerializer[Any]):
    """The caller's place in one novel or comic; without one, place and `read_at` are null."""

    novel = serializers.IntegerField(source="novel_id", allow_null=True)
    comic = serializers.IntegerField(source="comic_id", allow_null=True)
    chapter = serializers.IntegerField(allow_null=True, help_text="Number, in a novel.")
    panel = serializers.IntegerField(allow_null=True, help_text="Number, in a comic.")
    position = serializers.FloatField(
        allow_null=True, help_text="Part of the chapter that was read, from 0 to 1."
    )
    finished = serializers.BooleanField(source="is_finished")
    read_at = serializers.DateTimeField(allow_null=True, help_text="By the client's clock.")

    class Meta:
        model = Progress
        fields = ["novel", "comic", "chapter", "panel", "position", "finished", "read_at"]
        read_only_fields = fields


class ReadingSerializer(serializers.ModelSerializer[Any]):
    """A novel or comic that the caller is reading, and the place."""

    novel = NovelSerializer(allow_null=True)
    comic = ComicSerializer(allow_null=True)
    chapter = serializers.IntegerField(allow_null=True, help_text="Number, in a novel.")
    panel = serializers.IntegerField(allow_null=True, help_text="Number, in a comic.")
    position = serializers.FloatField(help_text="Part of the chapter that was read, from 0 to 1.")

    class Meta:
        model = Progress
        fields = ["novel", "comic", "chapter", "panel", "position", "read_at"]
        read_only_fields = fields


class PositionField(serializers.FloatField):
    """A part of a chapter."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=1, **options)

    def to_internal_value(self, data: Any) -> float:
        """Refuse what DRF accepts or breaks at: true, NaN and whole numbers without end."""
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            self.fail("max_value", max_value=1)
        if number != number:
            self.fail("invalid")
        return number


class PlaceInput(serializers.Serializer[Any]):
    """When a place was read, by the client's clock."""

    finished = serializers.BooleanField(
        default=False, source="is_finished", help_text="Whether the work is read to its end."
    )
    read_at = serializers.DateTimeField(
        help_text="Time of the client, with its offset: the newest one wins."
    )


class NovelPlaceInput(PlaceInput):
    """A place in a novel."""

    chapter = serializers.IntegerField(min_value=1, max_value=_NUMBER_MAX, source="number")
    position = PositionField(default=0.0, help_text="Part of the chapter that was read.")


class ComicPlaceInput(PlaceInput):
    """A place in a comic."""

    panel = serializers.IntegerField(min_value=1, max_value=_NUMBER_MAX, source="number")


class NovelEntryInput(NovelPlaceInput):
    """A place in a novel, without `comic` and `panel`."""

    novel = serializers.IntegerField(min_value=1, max_value=BIGINT_MAX, source="novel_id")


class ComicEntryInput(ComicPlaceInput):
    """A place in a comic, without `novel`, `chapter` and `position`."""

    comic = serializers.IntegerField(min_value=1, max_value=BIGINT_MAX, source="comic_id")


class EntryInput(serializers.Serializer[Any]):
    """One of the two."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Demand one kind of place, whole."""
        names = {"novel", "chapter", "position", "comic", "panel"}
        given = data.keys() & names if isinstance(data, dict) else set()
        if given - {"position"} == {"novel", "chapter"}:
            kind: type[PlaceInput] = NovelEntryInput
        elif given == {"comic", "panel"}:
            kind = ComicEntryInput
        else:
            message = "Give `novel` and `chapter`, or `comic` and `panel`."
            raise serializers.ValidationError({"non_field_errors": [message]}, "invalid")
        return read_fields(data, kind, partial=False)


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="EntryInput",
        serializers=[NovelEntryInput, ComicEntryInput],
        resource_type_field_name=None,
        many=True,
    )
)
class EntriesField(serializers.ListField):
    """Places of both kinds."""


class ProgressInput(serializers.Serializer[Any]):
    """Places in different novels and comics."""

    entries = EntriesField(child=EntryInput(), min_length=1, max_length=ENTRIES_MAX)

    def validate_entries(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        works = {(entry.get("novel_id"), entry.get("comic_id")) for entry in entries}
        if len(works) < len(entries):
            raise serializers.ValidationError("Give each novel and comic once.", "repeated")
        return entries


class EntryResultSerializer(serializers.Serializer[Any]):
    """What became of an entry."""

    novel = serializers.IntegerField(allow_null=True)
    comic = serializers.IntegerField(allow_null=True)
    status = serializers.IntegerField(help_text="As of the request for this entry alone.")
    code = serializers.CharField(
        required=False, help_text="Of the refusal: of the problem or, with 400, of the violation."
    )
    detail = serializers.CharField(required=False, help_text="Of the refusal, for people.")
    progress = ProgressSerializer(
        required=False, help_text="The place that is stored now, unless the entry was refused."
    )


@extend_schema_serializer(many=False)
class ProgressResultSerializer(serializers.Serializer[Any]):
    """A result for each entry, in their order."""

    results = EntryResultSerializer(many=True)
