"""The JSON of novels, chapters and search results; `morpheus.api.rendering` renders the rows."""

from __future__ import annotations

from typing import Any, get_args

import orjson
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from morpheus.db.name_fields import validate_name
from novels.models import Chapter, Genre, Language, Novel, ProcessingStatus
from novels.parsing import WarningCode
from users.models import PRIVATE, PUBLIC, PublicUser

VISIBILITIES = [PUBLIC, PRIVATE]


class VisibilityField(serializers.ChoiceField):
    """The column `is_public` as `public` or `private`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=VISIBILITIES, source="is_public", **options)

    def to_representation(self, value: Any) -> str:
        return PUBLIC if value else PRIVATE

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data) == PUBLIC


class GenreSerializer(serializers.ModelSerializer[Any]):
    """A genre; `novel_count` is the number of novels in `GET /novels/?genre=<slug>`."""

    novel_count = serializers.IntegerField()

    class Meta:
        model = Genre
        fields = ["slug", "name", "novel_count"]
        read_only_fields = fields


class LanguageSerializer(serializers.ModelSerializer[Any]):
    """A language; `novel_count` is the number of novels in `GET /novels/?language=<code>`."""

    novel_count = serializers.IntegerField()

    class Meta:
        model = Language
        fields = ["code", "name", "novel_count"]
        read_only_fields = fields


class WholeListSerializer(serializers.Serializer[Any]):
    """A list that has one page only, in the shape of the others."""

    next = serializers.URLField(allow_null=True, default=None, read_only=True)
    previous = serializers.URLField(allow_null=True, default=None, read_only=True)


class GenreListSerializer(WholeListSerializer):
    """All genres."""

    results = GenreSerializer(many=True)


class LanguageListSerializer(WholeListSerializer):
    """All languages."""

    results = LanguageSerializer(many=True)


class OwnerSerializer(serializers.ModelSerializer[Any]):
    """The owner of a novel or comic."""

    class Meta:
        model = PublicUser
        fields = ["id", "display_name"]
        read_only_fields = fields


class NovelSerializer(serializers.ModelSerializer[Any]):
    """A novel, in lists and alone."""

    genre = serializers.SlugField(
        source="genre.slug", allow_null=True, default=None, read_only=True
    )
    language = serializers.CharField(
        source="language.code", allow_null=True, default=None, read_only=True
    )
    visibility = VisibilityField()
    owner = OwnerSerializer(source="public_owner")

    class Meta:
        model = Novel
        fields = [
            "id",
            "title",
            "author",
            "synopsis",
            "genre",
            "language",
            "visibility",
            "word_count",
            "chapter_count",
            "owner",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class ReferenceField(serializers.SlugRelatedField[Any]):
    """A row by its slug or code."""

    def to_internal_value(self, data: Any) -> Any:
        # PostgreSQL has no text with a null character, and cannot look for one.
        if "\x00" in str(data):
            self.fail("does_not_exist", slug_name=self.slug_field, value=data)
        return super().to_internal_value(data)


class NovelUpdateInput(serializers.ModelSerializer[Any]):
    """The metadata that an owner can change."""

    genre = ReferenceField(
        slug_field="slug", queryset=Genre.objects.all(), required=False, allow_null=True
    )
    language = ReferenceField(
        slug_field="code", queryset=Language.objects.all(), required=False, allow_null=True
    )
    visibility = VisibilityField(required=False)

    class Meta:
        model = Novel
        fields = ["title", "author", "synopsis", "genre", "language", "visibility"]


# Without the `minLength` of JSON bodies.
@extend_schema_field({"type": "string"})
class FormReferenceField(ReferenceField):
    """A row in a form, where an empty value counts as absent."""


class NovelCreateInput(NovelUpdateInput):
    """A new novel: a file and optional metadata; an empty value counts as absent."""

    genre = FormReferenceField(
        slug_field="slug", queryset=Genre.objects.all(), required=False, allow_null=True
    )
    language = FormReferenceField(
        slug_field="code", queryset=Language.objects.all(), required=False, allow_null=True
    )
    title = serializers.CharField(
        required=False, allow_blank=True, max_length=300, validators=[validate_name]
    )
    # The parser refuses an empty file, with its own message.
    file = serializers.FileField(allow_empty_file=True, write_only=True)

    class Meta(NovelUpdateInput.Meta):
        fields = [*NovelUpdateInput.Meta.fields, "file"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in attrs.items() if value not in ("", None)}


class ChapterSerializer(serializers.ModelSerializer[Any]):
    """One line of a table of contents."""

    class Meta:
        model = Chapter
        fields = ["id", "number", "title", "word_count"]
        read_only_fields = fields


class ChapterTextSerializer(ChapterSerializer):
    """A chapter with its text; paragraphs are separated by one blank line."""

    content = serializers.CharField(source="text.content", read_only=True)

    class Meta(ChapterSerializer.Meta):
        fields = [*ChapterSerializer.Meta.fields, "content"]
        read_only_fields = fields


class StoredListSerializer(serializers.ListSerializer[Any]):
    """A JSON column that is shown as it is; a compiled read has its text."""

    def to_representation(self, data: Any) -> Any:
        return orjson.loads(data) if isinstance(data, str) else data


class StatusWarningSerializer(serializers.Serializer[Any]):
    """What an import left out or repaired."""

    code = serializers.ChoiceField(choices=get_args(WarningCode))
    detail = serializers.CharField(help_text="A sentence for the owner of the novel.")

    class Meta:
        list_serializer_class = StoredListSerializer


class StatusSerializer(serializers.ModelSerializer[Any]):
    """The processing status of an upload; `progress` is in percent.

    `message` says why a parse failed, or what the warnings of a completed one say.
    """

    novel = serializers.IntegerField(source="novel_id")
    warnings = StatusWarningSerializer(many=True)

    class Meta:
        model = ProcessingStatus
        fields = ["novel", "state", "stage", "progress", "message", "warnings", "updated_at"]
        read_only_fields = fields


class SearchResultSerializer(serializers.Serializer[Any]):
    """A novel or a chapter that matches a search."""

    kind = serializers.ChoiceField(choices=["novel", "chapter"], help_text="The kind of match.")
    novel = serializers.IntegerField(help_text="Id of the novel, or of the chapter's novel.")
    novel_title = serializers.CharField()
    chapter = serializers.IntegerField(
        allow_null=True, help_text="Number of the chapter, null for the novel itself."
    )
    title = serializers.CharField(help_text="Title of the chapter or the novel.")
    snippet = serializers.CharField(
        help_text="HTML: text around the words that were found, each in a `mark` element."
    )
    rank = serializers.FloatField(help_text="Comparable within one search.")
