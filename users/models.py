"""Users and the tokens that they log in with."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Self

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.functions import Lower
from django.utils import timezone

from morpheus.db.name_fields import NameField
from morpheus.db.schema import reference, reference_as_key
from morpheus.db.transactions import write_transaction
from morpheus.django_internals.django import DigestSessionHash, forget_new_password
from users.querysets import AccessTokenQuerySet, UserManager

# The values of a novel's or comic's visibility in the API.
PUBLIC, PRIVATE = "public", "private"

# The scopes of a token in the API.
READ, WRITE = "read", "write"


class User(DigestSessionHash, AbstractBaseUser, PermissionsMixin):
    """A reader, writer or operator; logs in with an e-mail address.

    Addresses are in lower case, so their case does not matter. Row level security shows a row to
    its user and to staff; `PublicUser` has the columns for others. `confirmed_email` is the address
    that its user confirmed last, which may be an earlier one; `pending_email` is to become `email`
    when it is confirmed.
    """

    email = models.EmailField(max_length=254)
    display_name = NameField(max_length=80)
    bio = models.TextField(max_length=2000, blank=True, default="")
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    confirmed_email = models.EmailField(max_length=254, blank=True, default="", db_default="")
    pending_email = models.EmailField(max_length=254, blank=True, default="", db_default="")

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["display_name"]

    objects = UserManager()

    # The columns that the cache has, for a user read from the cache.
    cached: dict[str, Any] | None = None

    class Meta:
        indexes = [
            # Admin: newest users first.
            models.Index(fields=["-date_joined", "-id"], name="users_user_newest_idx"),
        ]
        constraints = [
            # Login and registration look a user up by address.
            models.UniqueConstraint(fields=["email"], name="users_user_email_uq"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="users_user_email_lower_ck"
            ),
        ]

    def __str__(self) -> str:
        return str(self.email)

    @classmethod
    def normalize_username(cls, username: Any) -> Any:
        """Return an address as the database has it; forms of the admin call this."""
        return cls.objects.normalize_email(username)

    @property
    def is_email_confirmed(self) -> bool:
        """Whether the user confirmed the present address, whatever changed it."""
        return bool(self.confirmed_email == self.email)

    def get_short_name(self) -> str:
        return str(self.display_name)

    def check_password(self, raw_password: str | None) -> bool:
        """Compare; then upgrade a hash of an outdated algorithm, as the user."""

        def upgrade(password: str) -> None:
            self.set_password(password)
            forget_new_password(self)
            with write_transaction(as_user=self.pk):
                self.save(update_fields=["password"])

        return check_password(raw_password, self.password, upgrade)

    @property
    def password_digest(self) -> str:
        """SHA-256 of the password's hash, which is salted: it does not help to guess passwords."""
        if self.cached is not None and "password" not in self.__dict__:
            return str(self.cached["password_digest"])
        return sha256(self.password.encode()).hexdigest()

    @classmethod
    def from_cache(cls, cached: dict[str, Any]) -> Self:
        """Return a user with the columns of `account()`; others are read at their first use."""
        # In the order of the fields, as Django expects.
        names = [field.attname for field in cls._meta.concrete_fields if field.attname in cached]
        user = cls.from_db(DEFAULT_DB_ALIAS, names, [cached[name] for name in names])
        user.cached = cached
        return user

    def save(self, *args: Any, **options: Any) -> None:
        """Save; of a user from the cache only changed columns, because the others may be stale."""
        if self.cached is not None and not args and options.get("update_fields") is None:
            options["update_fields"] = [
                name
                for field in self._meta.concrete_fields
                if (name := field.attname) in self.__dict__
                and (name not in self.cached or self.cached[name] != getattr(self, name))
            ]
        super().save(*args, **options)


class PublicUser(models.Model):
    """The public columns of a user: a view without row level security."""

    id = models.BigIntegerField(primary_key=True)
    display_name = models.CharField(max_length=80)

    class Meta:
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.display_name)


class PublicProfile(models.Model):
    """What everyone may know of an active user: a view without row level security."""

    id = models.BigIntegerField(primary_key=True)
    display_name = models.CharField(max_length=80)
    bio = models.TextField(max_length=2000)
    date_joined = models.DateTimeField()

    class Meta:
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.display_name)


class Belonging(models.Model):
    """A row that belongs to a novel or comic, with the owner and visibility of its parent.

    So row level security reads no other row. A foreign key of all three columns keeps them equal to
    the parent's, also when the parent is published or withdrawn.
    """

    owner = reference(User, editable=False)
    is_public = models.BooleanField(editable=False)

    class Meta:
        abstract = True


def belonging_to(parent: Any) -> dict[str, Any]:
    """Return the parent's columns for a `Belonging`; the parent must be locked or new."""
    return {"owner_id": parent.owner_id, "is_public": parent.is_public}


class AccountDeletion(models.Model):
    """A user whose account is being deleted: the worker goes on until the user's row is gone."""

    user = reference_as_key(User, related_name="deletion")
    requested_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "users_deletion"

    def __str__(self) -> str:
        return f"deletion of user {self.user_id}"


class AccountExport(models.Model):
    """An archive of a user's data that the worker makes; it expires. A user has one at a time."""

    class State(models.TextChoices):
        PENDING = "pending"
        PROCESSING = "processing"
        COMPLETED = "completed"
        FAILED = "failed"

    user = reference(User, related_name="exports")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True, default="")
    path = models.CharField(max_length=100, blank=True, default="")
    size_bytes = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "users_export"
        indexes = [
            # Housekeeping deletes what has expired.
            models.Index(fields=["expires_at"], name="users_export_expiry_idx"),
        ]
        constraints = [
            # POST /users/me/exports/ replaces an earlier one.
            models.UniqueConstraint(fields=["user"], name="users_export_user_uq"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of user {self.user_id}"


class AccessToken(models.Model):
    """A bearer token; the table has its SHA-256 digest only.

    A table instead of a package: one query reads token and user, and a digest does not log in.
    `name` is empty for a login's token. `prefix` is the beginning of the secret, by which users
    recognize it; earlier tokens have none. `last_used_at` may be an hour older than the last use.
    """

    digest = models.BinaryField(max_length=32)
    user = reference(User, related_name="tokens")
    name = models.CharField(max_length=100, blank=True, default="", db_default="")
    prefix = models.CharField(max_length=8, blank=True, default="", db_default="")
    can_write = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        db_table = "users_token"
        indexes = [
            # GET /users/me/tokens/; the tokens of a user that are revoked or deleted together.
            models.Index(fields=["user", "created_at", "id"], name="users_token_newest_idx"),
        ]
        constraints = [
            # Every request with a bearer token looks it up by digest.
            models.UniqueConstraint(fields=["digest"], name="users_token_digest_uq"),
        ]

    def __str__(self) -> str:
        return f"token {self.pk} of user {self.user_id}"

    @property
    def scopes(self) -> list[str]:
        """The scopes as the API has them."""
        return [READ, WRITE] if self.can_write else [READ]
