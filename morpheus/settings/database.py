"""PostgreSQL: where it is, which role does what, and the pool."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from morpheus.db.patience import PatientConnection
from morpheus.embedded.addresses import Addresses

from .environment import VAR_DIR, env

__all__ = [
    "DATABASES",
    "DATABASE_ROLES",
    "DATABASE_ROUTERS",
    "PGBOUNCER",
    "REPLICA_TIMEOUT_S",
    "SEARCH_STATEMENT_TIMEOUT_S",
    "SERVER_PINNED",
    "SERVER_PROCESSES",
    "SERVER_THREADS",
    "SERVING_LIMITS_MS",
]

# Processes of the server.
SERVER_PROCESSES = env.number("MORPHEUS_PROCESSES", default=1, at_least=1)

# Whether each of them keeps to a core of its own, where there are enough (morpheus.serving.cores).
SERVER_PINNED = env.bool("MORPHEUS_PIN", default=True)

# Threads of one server process; each holds at most one connection, so this is the pool's size too.
SERVER_THREADS = env.number("MORPHEUS_THREADS", default=16, at_least=1)

# Whether DATABASE_URL and DATABASE_REPLICA_URL lead to a PgBouncer in transaction mode, where each
# transaction may run on another session of PostgreSQL: nothing lasts for longer (docs/pool.md).
PGBOUNCER = env.bool("MORPHEUS_PGBOUNCER", default=False)


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
    if url := env.str(variable, default=""):
        return _parsed(variable, url)
    return _credentials(fallback, role) if fallback else _embedded(role)


def _parsed(variable: str, url: str) -> dict[str, Any]:
    """Return what `url` says, read as PostgreSQL's own programs read it.

    The refusal does not repeat the URL: there is a password in it.
    """
    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    # A password with a bare slash makes the rest of it the port.
    ports = str(parts.get("port") or "5432").split(",")
    if not parts.get("dbname") or not all(port.isdecimal() for port in ports):
        raise ImproperlyConfigured(
            f"{variable} must be like postgresql://user:password@host:5432/database; in the "
            "password all but letters and digits are percent-encoded, as %40 for @."
        )
    keys = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    login = {key: parts.pop(part, "") for key, part in (keys | {"PORT": "port"}).items()}
    return login | {"OPTIONS": parts}


_app = _credentials("DATABASE_URL", "morpheus_app")
# Longer than psycopg_pool needs to replace connections after a database restart.
_pool_timeout_s = env.number("DATABASE_POOL_TIMEOUT_S", default=5.0, at_least=0.1)
_options: dict[str, Any] = {
    # More users wait in the server, not in PostgreSQL. There is no `max_waiting`: the threads bound
    # who waits, and psycopg_pool also counts those who gave up, so that a long outage would leave a
    # pool that refuses everybody and never connects again.
    "pool": {
        "min_size": min(2, SERVER_THREADS),
        "max_size": SERVER_THREADS,
        "timeout": _pool_timeout_s,
        # Pauses between attempts double until psycopg_pool gives up: the longer the outage, the
        # longer it would last beyond its end. Once given up, the next request tries at once.
        "reconnect_timeout": _pool_timeout_s,
        "max_lifetime": 1800,
    },
    "server_side_binding": True,
    # A statement is prepared for the session.
    "prepare_threshold": None if PGBOUNCER else 5,
}

DATABASES: dict[str, dict[str, Any]] = {
    "default": _app
    | {
        "ENGINE": "morpheus.db.postgresql",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,  # The engine has its own.
        "DISABLE_SERVER_SIDE_CURSORS": PGBOUNCER,
        "OPTIONS": _app.get("OPTIONS", {}) | _options,
    }
}

# What one statement of a request may take, and how long it may wait for a lock, so that a stuck
# transaction of somebody else does not hold every thread (morpheus.db.limits). Milliseconds.
SERVING_LIMITS_MS = {
    "statement_timeout": int(
        1000 * env.number("DATABASE_STATEMENT_TIMEOUT_S", default=15.0, at_least=0)
    ),
    "lock_timeout": int(1000 * env.number("DATABASE_LOCK_TIMEOUT_S", default=3.0, at_least=0)),
}

# Seconds that one statement of a search may take; 0: as any other.
SEARCH_STATEMENT_TIMEOUT_S = env.number("SEARCH_STATEMENT_TIMEOUT_S", default=2.0, at_least=0)

DATABASE_ROUTERS: list[str] = []

# Seconds after which a statement on the replica is given up and the primary is asked; longer than
# any page may take (2 for a search).
REPLICA_TIMEOUT_S = env.number("DATABASE_REPLICA_TIMEOUT_S", default=5.0, at_least=0.1)

# A streaming replica of that server, for the API's reads (docs/replica.md).
if env.str("DATABASE_REPLICA_URL", default=""):
    _replica = _credentials("DATABASE_REPLICA_URL", "morpheus_app")
    DATABASES["replica"] = (
        DATABASES["default"]
        | _replica
        | {
            # The first statement on each connection asks how far it is, which shows its health.
            "CHECK_AT_CHECKOUT": False,
            # The primary answers what a replica does not: it is not waited for. `connect_timeout`
            # is in seconds, `tcp_user_timeout` in milliseconds.
            "OPTIONS": {"connect_timeout": 2, "tcp_user_timeout": 3000}
            | _replica["OPTIONS"]
            | _options
            | {"pool": _options["pool"] | {"timeout": 1.0, "connection_class": PatientConnection}},
        }
    )
    DATABASE_ROUTERS = ["morpheus.db.replica.ReplicaRouter"]

# Who else may come: `owner` migrates, `loader` seeds by COPY.
DATABASE_ROLES = {
    "owner": _credentials("DATABASE_OWNER_URL", "morpheus_owner", fallback="DATABASE_URL"),
    "loader": _credentials("DATABASE_LOADER_URL", "morpheus_loader", fallback="DATABASE_URL"),
}
