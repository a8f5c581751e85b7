"""Every SQL shape that reads users and their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import BaseUserManager
from django.db import connection, models

from morpheus.db.identity import acting_as

_OF_EMAIL = """
SELECT id, email, password, display_name, bio, is_active, is_staff, is_superuser, date_joined,
    last_login
FROM users_by_email(%s)
"""
# All of a user but the password's hash, which only a log-in needs.
_OF_DIGEST = """
SELECT (f.person).id, (f.person).email, (f.person).display_name, (f.person).bio,
    (f.person).is_active, (f.person).is_staff, (f.person).is_superuser, (f.person).date_joined,
    f.token_id, f.created_at AS token_created_at, f.expires_at AS token_expires_at
FROM users_by_token(%s) f
"""


class UserManager(BaseUserManager):
    """Makes users; e-mail addresses are kept in lower case, so that equality is enough."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def operators(self) -> models.QuerySet:
        """Active superusers, the first one first."""
        return self.filter(is_superuser=True, is_active=True).order_by("pk")

    def get_by_natural_key(self, username: str | None):
        """Return the user of an address: 1 query, for whoever is about to compare a password."""
        found = self.raw(_OF_EMAIL, [self.normalize_email(username)])
        for user in found:
            return user
        raise self.model.DoesNotExist("There is no user of this address.")

    def register(self, user) -> None:
        """Insert a new user under the identity that this user will have; staff are made by staff.

        Raises:
            IntegrityError: The address belongs to a user already.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('users_user', 'id'))")
            user.pk = cursor.fetchone()[0]
        with acting_as(user.pk, staff=user.is_staff or user.is_superuser):
            user.save(force_insert=True)

    def create_user(self, email: str, password: str | None = None, **fields):
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        self.register(user)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class AccessTokenQuerySet(models.QuerySet):
    """Reads of bearer tokens."""

    def of_secret(self, digest: bytes) -> Any:
        """Return the live token of an active user with its user, or None: 1 query.

        Before there is an identity: whoever has the secret may see both.
        """
        users = self.model._meta.get_field("user").related_model.objects
        for user in users.raw(_OF_DIGEST, [digest]):
            columns = ("id", "digest", "user_id", "created_at", "expires_at")
            values = (user.token_id, digest, user.pk, user.token_created_at, user.token_expires_at)
            token = self.model.from_db(self.db, columns, values)
            token.user = user
            return token
        return None

    def expired(self, now: datetime) -> AccessTokenQuerySet:
        """Tokens that open nothing any more."""
        return self.filter(expires_at__lte=now)

    def of_user(self, user_id: int) -> AccessTokenQuerySet:
        """All tokens of one user, live or not."""
        return self.filter(user_id=user_id)
