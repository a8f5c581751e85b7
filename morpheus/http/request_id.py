"""The current request's id, for log lines and answers."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# An id from a proxy is kept if it can do no harm in a log line or a header.
_HARMLESS_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id_of(given: str) -> str:
    """Return the id that a proxy gave the request, or else a new one."""
    return given if _HARMLESS_ID.fullmatch(given) else uuid.uuid4().hex
