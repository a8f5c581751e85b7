"""Limits the mails that `mail_admins` sends about slow statements (LOGGING in settings).

Imported while logging is configured: it must not import models.
"""

from __future__ import annotations

import logging
import threading
import time

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter


class RateLimitFilter(logging.Filter):
    """Pass one record per interval; the dashboard and the log have the others.

    Each process sends at most one mail per interval, however many statements are slow.
    """

    def __init__(self, interval_s: float) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._passed_at = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        with self._lock:
            now = time.monotonic()
            if now - self._passed_at < self._interval_s:
                return False
            self._passed_at = now
            return True


class HintReporter(ExceptionReporter):
    """Replace Django's report, which lists all settings, by a hint."""

    def get_traceback_text(self) -> SafeString:
        return SafeString(
            "The dashboard has its plan and all other slow queries: /admin/perf/slow/"
        )
