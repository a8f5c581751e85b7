"""Sessions: rows of the database, read through the cache.

Not Django's `cached_db`: while the cache server is away it deletes the row of who logs out, and
finds the session again in the cache when the server is back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar

from django.contrib.sessions.backends import db
from django.db.models import F
from django.utils import timezone

from morpheus.cache.cached_reads import read
from morpheus.cache.policies import CachePolicy
from morpheus.db.transactions import unowned_write_transaction
from morpheus.django_internals.django import forget_session_key

# Data and end of a session; `session:<digest of its key>` ends it.
SESSION = CachePolicy("sessions", version=1, ttl_s=3600, caches_none=False)

Operation = TypeVar("Operation", bound=Callable[..., Any])


def _told(operation: Operation) -> Operation:
    """Let the cache hear of what `operation` writes before it returns."""

    @wraps(operation)
    def told(*args: Any, **kwargs: Any) -> Any:
        with unowned_write_transaction():
            return operation(*args, **kwargs)

    return told  # type: ignore[return-value]


class SessionStore(db.SessionStore):
    """Django's sessions in the database; a session that was read before costs no query."""

    save = _told(db.SessionStore.save)
    delete = _told(db.SessionStore.delete)

    @classmethod
    def get_model_class(cls) -> Any:
        return db.SessionStore.get_model_class()

    def load(self) -> dict[str, Any]:
        """Return the session's data; of one that ended, nothing, and forget its key."""
        # Whoever reads the cache's keys must not find what logs in.
        digest = sha256((self.session_key or "").encode()).hexdigest()[:32]
        kept = read(SESSION, digest, tags=[f"session:{digest}"], load=self._stored)
        if kept is None or datetime.fromisoformat(kept["ends"]) <= timezone.now():
            forget_session_key(self)
            return {}
        data: dict[str, Any] = self.decode(kept["data"])
        return data

    def _stored(self) -> dict[str, Any] | None:
        sessions = self.model.objects.filter(session_key=self.session_key)
        found: Any = sessions.values(data=F("session_data"), ends=F("expire_date")).first()
        return found  # type: ignore[no-any-return]
