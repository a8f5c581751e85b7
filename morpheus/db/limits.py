"""What a request may cost the database; worker, migrations and imports take what they need."""

from __future__ import annotations

from typing import Any

from django.conf import settings


def limit_statements(database: dict[str, Any]) -> None:
    """Give the connections that will be opened with `database` the limits of serving.

    A statement beyond them is an OperationalError, hence a 503. Set as the connection starts: no
    round trip, and nothing that a request sets or a pool hands on can lift them. PgBouncer takes no
    options: there they are in its configuration (docs/pool.md).
    """
    if settings.PGBOUNCER:
        return
    limits = [f"-c {name}={limit}" for name, limit in settings.SERVING_LIMITS_MS.items()]
    options = database["OPTIONS"]
    database["OPTIONS"] = options | {"options": " ".join([options.get("options", ""), *limits])}
