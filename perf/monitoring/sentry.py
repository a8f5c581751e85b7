"""Sends the errors of the log to Sentry (LOGGING in settings).

Imported only if `SENTRY_DSN` is set, while logging is configured: it must not import models.
"""

from __future__ import annotations

from multiprocessing.util import Finalize
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import EventHandler

from morpheus.http.log_format import redact

# A process that ends waits this long for the last events.
FLUSH_TIMEOUT_S = 2.0


class ErrorHandler(EventHandler):
    """Sends error records as events, redacted like the log.

    Sentry's integrations are off: they wrap each request and collect its headers, body and user.
    A 500 is a record of Django's with its traceback.
    """

    def __init__(self, dsn: str, **options: Any) -> None:
        super().__init__()
        sentry_sdk.init(
            dsn=dsn,
            default_integrations=False,
            auto_enabling_integrations=False,
            # Their values may be personal data.
            include_local_variables=False,
            max_breadcrumbs=0,
            before_send=clean_event,
            **options,
        )
        # Also where `atexit` is skipped.
        Finalize(None, sentry_sdk.flush, kwargs={"timeout": FLUSH_TIMEOUT_S}, exitpriority=-1)


def clean_event(event: Any, hint: dict[str, Any]) -> Any:
    """Add the ids of the request to an event; remove personal data."""
    record = hint["log_record"]
    # Has Django's request, with its path.
    event.pop("extra", None)
    trace = getattr(record, "trace", {})
    event["tags"] = {"request_id": getattr(record, "request_id", "-"), **trace}
    event.setdefault("contexts", {}).setdefault("trace", {}).update(trace)
    message = redact(record.getMessage())
    # The arguments are in the text. Without an exception, events are grouped by the message.
    event["logentry"] = {"message": redact(str(record.msg)), "formatted": message}
    for exception in event.get("exception", {}).get("values", []):
        exception["value"] = redact(exception.get("value") or "")
    return event
