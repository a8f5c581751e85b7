"""Django's app for PostgreSQL, without its work for each connection."""

from __future__ import annotations

from django.contrib.postgres.apps import PostgresConfig
from django.contrib.postgres.signals import register_type_handlers
from django.db.backends.signals import connection_created


class PostgresTypesConfig(PostgresConfig):
    """Its lookups and search.

    Django registers the loaders of hstore and citext at each checkout from the pool; no column has
    these types.
    """

    def ready(self) -> None:
        super().ready()
        connection_created.disconnect(register_type_handlers)
