"""Users and tokens as JSON; reading and writing have separate classes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from morpheus.db.name_fields import validate_name
from users.models import AccessToken, PublicProfile, User
from users.quotas import usage_cached


class EmailField(serializers.EmailField):
    """An address, normalized as in the database before it is validated."""

    def to_internal_value(self, data: Any) -> str:
        return User.objects.normalize_email(super().to_internal_value(data))


class ProfileSerializer(serializers.ModelSerializer[Any]):
    """The profile of the caller."""

    class Meta:
        model = User
        fields = ["id", "email", "display_name", "bio", "date_joined"]
        read_only_fields = fields


class UsageSerializer(serializers.Serializer[Any]):
    """Storage of a user and its limits; a limit is null if there is none."""

    novels = serializers.IntegerField(help_text="Novels made from uploads.")
    novels_limit = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(
        help_text="Uploaded files, and pictures of own comics: once for each panel that shows one."
    )
    bytes_limit = serializers.IntegerField(allow_null=True)


class OwnProfileSerializer(ProfileSerializer):
    """The profile with the storage of its user."""

    usage = serializers.SerializerMethodField()

    class Meta(ProfileSerializer.Meta):
        fields = [*ProfileSerializer.Meta.fields, "usage"]
        read_only_fields = fields

    @extend_schema_field(UsageSerializer)
    def get_usage(self, user: User) -> dict[str, int | None]:
        used = usage_cached(user.pk)
        return {
            "novels": used["novels"],
            "novels_limit": settings.MORPHEUS_QUOTA_NOVELS or None,
            "bytes": used["bytes"],
            "bytes_limit": settings.MORPHEUS_QUOTA_BYTES or None,
        }


class PublicProfileSerializer(serializers.ModelSerializer[Any]):
    """What everyone may know of a user."""

    novels_url = serializers.URLField(help_text="The user's public novels.")
    comics_url = serializers.URLField(help_text="The user's public comics.")

    class Meta:
        model = PublicProfile
        fields = ["id", "display_name", "bio", "date_joined", "novels_url", "comics_url"]
        read_only_fields = fields


class UserUpdateInput(serializers.ModelSerializer[Any]):
    """The fields that users can change of themselves."""

    class Meta:
        model = User
        fields = ["display_name", "bio"]


class UserLoginInput(serializers.Serializer[Any]):
    """Credentials."""

    email = EmailField(max_length=254)
    # Taken as it is typed, and never sent back. Hashing a longer one would only be expensive.
    password = serializers.CharField(
        max_length=1024, trim_whitespace=False, write_only=True, style={"input_type": "password"}
    )


class UserRegisterInput(UserLoginInput):
    """A new user."""

    display_name = serializers.CharField(max_length=80, validators=[validate_name])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse weak passwords, such as the user's own name and address."""
        user = User(email=attrs["email"], display_name=attrs["display_name"])
        try:
            validate_password(attrs["password"], user)
        except ValidationError as error:
            raise serializers.ValidationError({"password": get_error_detail(error)}) from error
        return attrs


class TokenSerializer(serializers.ModelSerializer[Any]):
    """A new token; `token` is its secret, which is shown once."""

    token = serializers.CharField(read_only=True)
    user = ProfileSerializer(read_only=True)

    class Meta:
        model = AccessToken
        fields = ["token", "expires_at", "user"]
        read_only_fields = fields
