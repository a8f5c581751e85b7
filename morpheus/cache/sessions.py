"""Sessions: rows of the database, read through the cache.

Not Django's `cached_db`: a logout while the cache server is down deletes the row alone, and the
session is valid again when the server is back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db.models import F
from django.utils import timezone

from morpheus.cache.cached_reads import read
from morpheus.cache.policies import CachePolicy
from morpheus.db.transactions import unowned_write_transaction
from morpheus.django_internals.django import forget_session_key, move_session

# Data and expiry of a session; invalidated by `session:<digest of its key>`.
SESSION = CachePolicy("sessions", version=1, ttl_s=3600, caches_none=False)

# Longer than the requests take that a browser sends at once.
REPLACED_TTL_S = 30


class SessionStore(db.SessionStore):
    """Django's database sessions, whose reads are cached.

    Attributes:
        expires_at: Of the row that was loaded.
    """

    expires_at: datetime

    def save(self, must_create: bool = False) -> None:
        """Write the row, and invalidate the cached one before this returns."""
        with unowned_write_transaction():
            super().save(must_create)

    def delete(self, session_key: str | None = None) -> None:
        """Delete the row, and invalidate the cached one before this returns."""
        with unowned_write_transaction():
            super().delete(session_key)

    def cycle_key(self) -> None:
        """Give the session a new key; that of a logged-in user is valid for `REPLACED_TTL_S` more.

        Django deletes it. Each session gets a new key when its user first comes after a change of
        SECRET_KEY, and a concurrent request with the deleted one would log the user out.
        """
        if SESSION_KEY not in self:
            super().cycle_key()
            return
        key = move_session(self)
        ends = timezone.now() + timedelta(seconds=REPLACED_TTL_S)
        with unowned_write_transaction():
            replaced = self.model.objects.filter(session_key=key, expire_date__gt=ends)
            replaced.update(expire_date=ends)

    def load(self) -> dict[str, Any]:
        """Return the session's data; of an expired session, nothing, and forget its key."""
        # A digest, so that no key in Redis is a valid session key.
        key = self.session_key or ""
        digest = sha256(key.encode()).hexdigest()[:32]
        row = read(SESSION, digest, tags=[f"session:{digest}"], load=lambda: self._load_row(key))
        if row is None or datetime.fromisoformat(row["ends"]) <= timezone.now():
            forget_session_key(self)
            return {}
        self.expires_at = datetime.fromisoformat(row["ends"])
        data: dict[str, Any] = self.decode(row["data"])
        return data

    def _load_row(self, key: str) -> dict[str, Any] | None:
        # Not `self.session_key`: shadow verification loads again when the key is forgotten.
        sessions = self.model.objects.filter(session_key=key)
        row: Any = sessions.values(data=F("session_data"), ends=F("expire_date")).first()
        return row  # type: ignore[no-any-return]
