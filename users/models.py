"""Users and the tokens that they log in with."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.functions import Lower
from django.utils import timezone

from morpheus.db.name_fields import NameField
from morpheus.db.transactions import write_transaction
from morpheus.django_internals.django import DigestSessionHash, forget_new_password
from users.querysets import AccessTokenQuerySet, UserManager


class User(DigestSessionHash, AbstractBaseUser, PermissionsMixin):
    """A person who reads, writes or operates; logs in with an e-mail address.

    Addresses are in lower case, so one address is one user however it is typed. Row level security
    shows a row to its user and to staff alone; what others may know is `PublicUser`.
    """

    email = models.EmailField(max_length=254)
    display_name = NameField(max_length=80)
    bio = models.TextField(max_length=2000, blank=True, default="")
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["display_name"]

    objects = UserManager()

    # What the cache said of this user, if they come from there.
    kept: dict[str, Any] | None = None

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
        return self.email

    def get_short_name(self) -> str:
        return self.display_name

    def check_password(self, raw_password: str | None) -> bool:
        """Compare; a hash of an outdated kind is then replaced, in the user's own name."""

        def upgrade(password: str) -> None:
            self.set_password(password)
            forget_new_password(self)
            with write_transaction(as_user=self.pk):
                self.save(update_fields=["password"])

        return check_password(raw_password, self.password, upgrade)

    @property
    def password_digest(self) -> str:
        """SHA-256 of the password's hash, whose salt is in it: nobody can try passwords on it."""
        if self.kept is not None and "password" not in self.__dict__:
            return self.kept["password_digest"]
        return sha256(self.password.encode()).hexdigest()

    @classmethod
    def from_cache(cls, kept: dict[str, Any]) -> User:
        """Make a user of what `account()` tells; other columns are read at their first use."""
        # In the order that Django expects.
        names = [field.attname for field in cls._meta.concrete_fields if field.attname in kept]
        user = cls.from_db(DEFAULT_DB_ALIAS, names, [kept[name] for name in names])
        user.kept = kept
        return user

    def save(self, *args: Any, **options: Any) -> None:
        """Save; of somebody from the cache, only what was changed: the rest may be outdated."""
        if self.kept is not None and not args and options.get("update_fields") is None:
            options["update_fields"] = [
                name
                for field in self._meta.concrete_fields
                if (name := field.attname) in self.__dict__
                and (name not in self.kept or self.kept[name] != getattr(self, name))
            ]
        super().save(*args, **options)


class PublicUser(models.Model):
    """What everybody may know of a user: a view, past row level security and for reading only."""

    id = models.BigIntegerField(primary_key=True)
    display_name = models.CharField(max_length=80)

    class Meta:
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return self.display_name


def public_owner() -> models.ForeignObject:
    """Return the relation from a model's `owner` to what everybody may know of them.

    Django's join on columns that other fields have; it adds none. The row is always there, because
    the owner's foreign key is.
    """
    return models.ForeignObject(
        PublicUser,
        on_delete=models.DO_NOTHING,
        from_fields=["owner"],
        to_fields=["id"],
        related_name="+",
    )


class Belonging(models.Model):
    """What belongs to a novel or comic, and says itself whose it is and whether all may read it.

    Row level security then asks no other row. Both are the parent's: a foreign key of all three
    columns refuses anything else, and follows when the parent is published or withdrawn.
    """

    owner = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="+",
    )
    is_public = models.BooleanField(editable=False)

    class Meta:
        abstract = True


def belonging_to(parent: Any) -> dict[str, Any]:
    """Return the columns of a `Belonging` of this row, which must be locked or new."""
    return {"owner_id": parent.owner_id, "is_public": parent.is_public}


def shown_index(
    *fields: str, name: str, condition: models.Q | None = None, also: tuple[str, ...] = ()
) -> models.Index:
    """Return an index of a list that has what row level security compares, too.

    Pages of ids, and sums of the columns `also`, are then read from the index alone, as they would
    be without it.
    """
    include = [*(column for column in ("owner", "is_public") if column not in fields), *also]
    return models.Index(fields=[*fields], name=name, condition=condition, include=include)


class AccessToken(models.Model):
    """A bearer token, known here only by its SHA-256 digest.

    Own table instead of a package: one query finds token and user, and nobody who reads the table
    can log in with what it holds.
    """

    digest = models.BinaryField(max_length=32)
    user = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="tokens",
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        db_table = "users_token"
        indexes = [
            # All tokens of a user: revoked together, deleted with the user.
            models.Index(fields=["user", "expires_at"], name="users_token_user_idx"),
        ]
        constraints = [
            # Every request with a bearer token looks it up by digest.
            models.UniqueConstraint(fields=["digest"], name="users_token_digest_uq"),
        ]

    def __str__(self) -> str:
        return f"token {self.pk} of user {self.user_id}"
