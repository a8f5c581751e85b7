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
from users.models import READ, WRITE, AccessToken, AccountExport, PublicProfile, User
from users.quotas import usage_cached


class EmailField(serializers.EmailField):
    """An address, normalized as in the database before it is validated."""

    def to_internal_value(self, data: Any) -> str:
        return User.objects.normalize_email(super().to_internal_value(data))


class PasswordField(serializers.CharField):
    """A password, taken as it is typed and never sent back."""

    def __init__(self, **options: Any) -> None:
        # Hashing a longer one would only be expensive.
        options = {"max_length": 1024, "trim_whitespace": False, "write_only": True} | options
        super().__init__(style={"input_type": "password"}, **options)


# Others than those of `AUTH_PASSWORD_VALIDATORS` would have other codes.
@extend_schema_field({"type": "string", "minLength": 8, "maxLength": 1024, "writeOnly": True})
class NewPasswordField(PasswordField):
    """A password that `refuse_weak_password` judges."""


@extend_schema_field(
    {
        "type": "array",
        "items": {"enum": [READ, WRITE], "type": "string"},
        "contains": {"const": READ},
        "description": "`read`, or `read` and `write`.",
    }
)
class ScopesField(serializers.MultipleChoiceField):
    """What a token may do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[READ, WRITE], **options)


class ProfileSerializer(serializers.ModelSerializer[Any]):
    """The profile of the caller."""

    email_confirmed = serializers.BooleanField(
        source="is_email_confirmed", help_text="Whether the user confirmed this address."
    )

    class Meta:
        model = User
        fields = ["id", "email", "email_confirmed", "display_name", "bio", "date_joined"]
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

    # Not an address if it is empty.
    pending_email = serializers.CharField(
        help_text="Address that takes effect when it is confirmed; empty if there is none."
    )

    usage = serializers.SerializerMethodField()

    class Meta(ProfileSerializer.Meta):
        fields = [*ProfileSerializer.Meta.fields, "pending_email", "usage"]
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
    password = PasswordField()


class EmailInput(serializers.Serializer[Any]):
    """An address."""

    email = EmailField(max_length=254)


class EmailChangeInput(EmailInput):
    """A new address, or the present one to confirm it."""

    current_password = PasswordField()


class MailTokenInput(serializers.Serializer[Any]):
    """The token of a mail."""

    token = serializers.CharField(max_length=1000)


class PasswordResetInput(MailTokenInput):
    """The token of a mail, and a new password."""

    new_password = NewPasswordField()


class UserRegisterInput(UserLoginInput):
    """A new user."""

    password = NewPasswordField()
    display_name = serializers.CharField(max_length=80, validators=[validate_name])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse weak passwords, such as the user's own name and address."""
        user = User(email=attrs["email"], display_name=attrs["display_name"])
        refuse_weak_password(attrs["password"], user, field="password")
        return attrs


def refuse_weak_password(password: str, user: User, *, field: str) -> None:
    """Run Django's password validators.

    Raises:
        ValidationError: The messages are those of the input field.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise serializers.ValidationError({field: get_error_detail(error)}) from error


class PasswordChangeInput(serializers.Serializer[Any]):
    """The current password and a new one."""

    current_password = PasswordField()
    new_password = NewPasswordField()


class TokenSerializer(serializers.ModelSerializer[Any]):
    """A new token; `token` is its secret, which is shown once."""

    token = serializers.CharField(read_only=True)
    user = ProfileSerializer(read_only=True)

    class Meta:
        model = AccessToken
        fields = ["token", "expires_at", "user"]
        read_only_fields = fields


class OwnTokenSerializer(serializers.ModelSerializer[Any]):
    """A token of the caller, without its secret."""

    prefix = serializers.CharField(
        help_text="The beginning of the secret; empty for tokens from before there were prefixes."
    )
    scopes = serializers.ListField(child=serializers.ChoiceField([READ, WRITE]))
    last_used_at = serializers.DateTimeField(
        allow_null=True, help_text="May be an hour older than the last use."
    )
    is_current = serializers.SerializerMethodField(
        help_text="Whether this request is sent with the token."
    )

    class Meta:
        model = AccessToken
        fields = [
            *("id", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at"),
            "is_current",
        ]
        read_only_fields = fields

    def get_is_current(self, token: AccessToken) -> bool:
        return token.pk == getattr(self.context["request"].auth, "pk", None)


class NamedTokenSerializer(OwnTokenSerializer):
    """A new token; `token` is its secret, which is shown once."""

    token = serializers.CharField()

    class Meta(OwnTokenSerializer.Meta):
        fields = ["token", *OwnTokenSerializer.Meta.fields]
        read_only_fields = fields


class TokenCreateInput(serializers.Serializer[Any]):
    """A token for a program."""

    name = serializers.CharField(max_length=100, validators=[validate_name])
    scopes = ScopesField()
    expires_in_days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=36_500,
        help_text="At most, and by default, as long as a login's.",
    )

    def validate_scopes(self, scopes: set[str]) -> set[str]:
        """Every token may read."""
        if READ not in scopes:
            raise serializers.ValidationError("Give `read`, or `read` and `write`.")
        return scopes


class AccountDeleteInput(serializers.Serializer[Any]):
    """The current password."""

    current_password = PasswordField()


class ExportSerializer(serializers.ModelSerializer[Any]):
    """An export of the caller's data; `progress` is in percent."""

    message = serializers.CharField(help_text="Why the export failed; empty otherwise.")
    size_bytes = serializers.IntegerField(help_text="Of the complete file; 0 before.")
    expires_at = serializers.DateTimeField(help_text="Then the file is deleted.")

    class Meta:
        model = AccountExport
        fields = ["id", "state", "progress", "message", "size_bytes", "created_at", "expires_at"]
        read_only_fields = fields
