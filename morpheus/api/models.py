"""The table of responses to POSTs with an `Idempotency-Key`."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from morpheus.db.schema import reference


class IdempotentResponse(models.Model):
    """The response to a user's POST, stored by the transaction of its write.

    Row level security shows a row to its user and to staff. Rows expire after `idempotency.TTL`.

    Attributes:
        key: SHA-256 of the client's key.
        fingerprint: SHA-256 of the request's method, path and fields.
        headers: Those that the view set.
    """

    user = reference(settings.AUTH_USER_MODEL)
    key = models.BinaryField(max_length=32)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "api_idempotent_response"
        indexes = [
            # Housekeeping finds the expired rows of all users.
            models.Index(fields=["created_at"], name="api_idempotent_created_idx"),
        ]
        constraints = [
            # Each POST with a key looks it up. Also serves the deletion of a user.
            models.UniqueConstraint(fields=["user", "key"], name="api_idempotent_user_key_uq"),
        ]

    def __str__(self) -> str:
        return f"response {self.status} to user {self.user_id}"
