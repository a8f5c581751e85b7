"""PostgreSQL: where it is, which role does what, and the pool."""

from __future__ import annotations

from typing import Any

from morpheus.services.addresses import Addresses

from .environment import VAR_DIR, env

__all__ = ["DATABASES", "DATABASE_ROLES", "SERVER_THREADS"]

# Threads of one server process; each holds at most one connection, so this is the pool's size too.
SERVER_THREADS = env.int("MORPHEUS_THREADS", default=16)


def _embedded(role: str) -> dict[str, Any]:
    addresses = Addresses.under(VAR_DIR)
    return {
        "NAME": "morpheus",
        "USER": role,
        "PASSWORD": "",
        "HOST": str(addresses.socket_dir),
        "PORT": str(addresses.postgres_port),
    }


def _credentials(variable: str, role: str, fallback: str | None = None) -> dict[str, Any]:
    """Return what `variable` says, else what `fallback` says, else the embedded server's role."""
    url = env.str(variable, default="") or (env.str(fallback, default="") if fallback else "")
    if not url:
        return _embedded(role)
    parsed = env.db_url_config(url)
    return {key: parsed[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")} | {
        "OPTIONS": parsed.get("OPTIONS", {})
    }


_app = _credentials("DATABASE_URL", "morpheus_app")
_options: dict[str, Any] = {
    # More users wait in the server, not in PostgreSQL. `timeout` is in seconds and
    # longer than psycopg_pool needs to replace connections after a database restart.
    "pool": {
        "min_size": 2,
        "max_size": SERVER_THREADS,
        "timeout": env.float("DATABASE_POOL_TIMEOUT_S", default=5.0),
        "max_waiting": 4 * SERVER_THREADS,
        "max_lifetime": 1800,
    },
    "server_side_binding": True,
    "prepare_threshold": 5,
}

DATABASES: dict[str, dict[str, Any]] = {
    "default": _app
    | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _app.get("OPTIONS", {}) | _options,
    }
}

# Who else may come: `owner` migrates, `loader` seeds by COPY.
DATABASE_ROLES = {
    "owner": _credentials("DATABASE_OWNER_URL", "morpheus_owner", fallback="DATABASE_URL"),
    "loader": _credentials("DATABASE_LOADER_URL", "morpheus_loader", fallback="DATABASE_URL"),
}
