"""PostgreSQL: where it is, which role does what, and the pool."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from morpheus.django_internals.psycopg import TimedConnection
from morpheus.embedded.addresses import Addresses

from . import environment as env

# Server processes.
MORPHEUS_PROCESSES = env.number("MORPHEUS_PROCESSES", default=1, at_least=1)

# Whether each process is pinned to a core, if there are enough (morpheus.serving.process_tuning).
MORPHEUS_PIN = env.flag("MORPHEUS_PIN", default=True)

# Threads of one server process. Each holds at most one connection, so this is also the pool's size.
MORPHEUS_THREADS = env.number("MORPHEUS_THREADS", default=16, at_least=1)

# Whether DATABASE_URL and DATABASE_REPLICA_URL lead to a PgBouncer in transaction mode: each
# transaction may run on another session, so no session state outlives it (docs/pool.md).
MORPHEUS_PGBOUNCER = env.flag("MORPHEUS_PGBOUNCER", default=False)

# Whether this PgBouncer keeps prepared statements: from 1.22 on, and `max_prepared_statements` is
# not 0.
_pgbouncer_prepares = env.flag("MORPHEUS_PGBOUNCER_PREPARED", default=False)


def _embedded_server(role: str) -> dict[str, Any]:
    addresses = Addresses.under(env.MORPHEUS_VAR)
    return {
        "NAME": "morpheus",
        "USER": role,
        "PASSWORD": "",
        "HOST": str(addresses.socket_dir),
        "PORT": str(addresses.postgres_port),
    }


def _credentials(variable: str, role: str, fallback: str | None = None) -> dict[str, Any]:
    """Return the login in `variable`, else in `fallback`, else the embedded server's role."""
    if url := env.text(variable):
        return _parse_url(variable, url)
    return _credentials(fallback, role) if fallback else _embedded_server(role)


def _parse_url(variable: str, url: str) -> dict[str, Any]:
    """Read a URL as PostgreSQL's own programs do.

    Raises:
        ImproperlyConfigured: Not usable. The message has no URL, because that has the password.
    """
    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    # With a bare slash in the password, the rest of the password is taken for the port.
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
_pool_timeout_s = env.number("MORPHEUS_POOL_TIMEOUT_S", default=5.0, at_least=0.1)
_options: dict[str, Any] = {
    # Further requests wait in the server, not in PostgreSQL. There is no `max_waiting`: the threads
    # bound the queue, and psycopg_pool also counts waits that timed out, so that after a long
    # outage the pool would refuse all requests and never connect again.
    "pool": {
        "min_size": min(2, MORPHEUS_THREADS),
        "max_size": MORPHEUS_THREADS,
        "timeout": _pool_timeout_s,
        # Pauses between attempts double until psycopg_pool gives up, so a long outage would outlast
        # its cause. After giving up, the next request connects at once.
        "reconnect_timeout": _pool_timeout_s,
        "max_lifetime": 1800,
    },
    "server_side_binding": True,
    # A statement is prepared for its session. An earlier PgBouncer changes that unnoticed.
    "prepare_threshold": None if MORPHEUS_PGBOUNCER and not _pgbouncer_prepares else 5,
}

DATABASES: dict[str, dict[str, Any]] = {
    "default": _app
    | {
        "ENGINE": "morpheus.db.postgresql",
        "CONN_HEALTH_CHECKS": False,  # The engine has its own.
        # Nothing reads more rows than fit into memory, and a PgBouncer could not keep them open.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": _app.get("OPTIONS", {}) | _options,
    }
}

_statement_timeout_s = env.number("MORPHEUS_STATEMENT_TIMEOUT_S", default=15.0, at_least=0)
# Limits of one statement of a request (`set_serving_limits`), so that a blocked transaction does
# not hold every thread. Worker and commands have none.
MORPHEUS_SERVING_LIMITS_MS = {
    "statement_timeout": int(1000 * _statement_timeout_s),
    # Writes hold their locks for milliseconds; stuck transactions and migrations take longer.
    "lock_timeout": 3000,
}

# Limit of one statement of a search: the longest that a search may take by its budget.
MORPHEUS_SEARCH_TIMEOUT_S = 2.0

# A statement that the replica does not finish in time is sent to the primary. Longer than any page
# takes (2 s for a search).
MORPHEUS_REPLICA_TIMEOUT_S = 5.0

# A streaming replica of that server, for the API's reads (docs/replica.md).
if env.text("DATABASE_REPLICA_URL"):
    _replica = _credentials("DATABASE_REPLICA_URL", "morpheus_app")
    DATABASES["replica"] = (
        DATABASES["default"]
        | _replica
        | {
            # The first statement on each connection reads the replay position, which checks it.
            "CHECK_AT_CHECKOUT": False,
            # Short, because the primary serves the read instead. `connect_timeout` is in seconds,
            # `tcp_user_timeout` in milliseconds.
            "OPTIONS": {"connect_timeout": 2, "tcp_user_timeout": 3000}
            | _replica["OPTIONS"]
            | _options
            | {"pool": _options["pool"] | {"timeout": 1.0, "connection_class": TimedConnection}},
        }
    )
    DATABASE_ROUTERS = ["morpheus.db.replica.ReplicaRouter"]

# Other roles: `owner` migrates, `loader` seeds by COPY.
MORPHEUS_DATABASE_ROLES = {
    "owner": _credentials("DATABASE_OWNER_URL", "morpheus_owner", fallback="DATABASE_URL"),
    "loader": _credentials("DATABASE_LOADER_URL", "morpheus_loader", fallback="DATABASE_URL"),
}
