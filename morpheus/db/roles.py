"""Connections with another role than the serving one, for management commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from django.conf import settings
from django.db import connection


@contextmanager
def connected_as(role: Literal["owner", "loader"]) -> Iterator[None]:
    """Use the login of `role` for the default connection in the block, without a pool.

    The database's name stays, because a test database has its own. Not for servers: all threads of
    the process are affected.
    """
    settings_dict: dict[str, Any] = connection.settings_dict
    saved = {key: settings_dict[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")}
    login = settings.MORPHEUS_DATABASE_ROLES[role]
    options = {key: value for key, value in saved["OPTIONS"].items() if key != "pool"}
    _disconnect()
    settings_dict.update({key: login[key] for key in ("USER", "PASSWORD", "HOST", "PORT")})
    settings_dict["OPTIONS"] = options | login.get("OPTIONS", {})
    try:
        yield
    finally:
        _disconnect()
        settings_dict.update(saved)


def _disconnect() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
