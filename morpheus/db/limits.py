"""What a request may cost the database; worker, migrations and imports take what they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from morpheus.db.local_settings import sent_with_statements

_QUERY_CANCELED = "57014"


def limit_statements(database: dict[str, Any]) -> None:
    """Give the connections that will be opened with `database` the limits of serving.

    A statement beyond them is an OperationalError, hence a 503. Set as the connection starts: no
    round trip, and nothing that a request sets or a pool hands on can lift them. PgBouncer takes no
    options: there they are in its configuration (docs/pool.md).
    """
    if settings.MORPHEUS_PGBOUNCER:
        return
    limits = [f"-c {name}={limit}" for name, limit in settings.MORPHEUS_SERVING_LIMITS_MS.items()]
    options = database["OPTIONS"]
    database["OPTIONS"] = options | {"options": " ".join([options.get("options", ""), *limits])}


@contextmanager
def statement_limit(connection: Any, seconds: float) -> Iterator[None]:
    """Cancel each statement of the block that takes longer than `seconds`; 0 adds no limit.

    The limit takes the place of `MORPHEUS_STATEMENT_TIMEOUT_S` and costs no round trip. PostgreSQL
    starts the timer anew with each message of a pipeline, since version 11, so a limit that was set
    by one statement holds for the next. In a transaction, the limit of the connection stays.
    """
    if not seconds or connection.in_atomic_block:
        yield
        return
    with sent_with_statements(connection, "statement_timeout", f"{max(1, int(1000 * seconds))}"):
        yield


def is_canceled(error: Exception) -> bool:
    """Tell whether PostgreSQL canceled the statement, rather than being out of reach."""
    return getattr(error.__cause__, "sqlstate", None) == _QUERY_CANCELED
