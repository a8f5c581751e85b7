"""Private parts of django-prometheus."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.backends.postgresql import base as django_base
from django_prometheus.db.backends.postgresql import base

_build_cursor_class = lru_cache(maxsize=None)(base.ExportingCursorWrapper)


class PrometheusDatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc] # has no types
    """django-prometheus' backend, which makes a class of cursors once and not for each request."""

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = django_base.DatabaseWrapper.get_connection_params(self)
        factory = params["cursor_factory"]
        params["cursor_factory"] = _build_cursor_class(factory, self.alias, self.vendor)
        return params
