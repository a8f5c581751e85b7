"""Every SQL shape that reads users and their tokens."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import BaseUserManager
from django.db import models


class UserManager(BaseUserManager):
    """Makes users; e-mail addresses are kept in lower case, so that equality is enough."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def operators(self) -> models.QuerySet:
        """Active superusers, the first one first."""
        return self.filter(is_superuser=True, is_active=True).order_by("pk")

    def get_by_natural_key(self, username: str | None):
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields):
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class AccessTokenQuerySet(models.QuerySet):
    """Reads of bearer tokens."""

    def live(self, now: datetime) -> AccessTokenQuerySet:
        """Tokens that still open something, of users who are still active."""
        return self.filter(expires_at__gt=now, user__is_active=True)

    def expired(self, now: datetime) -> AccessTokenQuerySet:
        """Tokens that open nothing any more."""
        return self.filter(expires_at__lte=now)

    def of_user(self, user_id: int) -> AccessTokenQuerySet:
        """All tokens of one user, live or not."""
        return self.filter(user_id=user_id)

    def with_user(self) -> AccessTokenQuerySet:
        """Token and user in one query."""
        return self.select_related("user")
