"""The embedded services as the settings and the environment want them."""

from __future__ import annotations

import os

from django.conf import settings

from morpheus.embedded.supervisor import EmbeddedServices

# A variable that names a real server; then the embedded one is not started.
REPLACED_BY = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


def embedded_services(*, durable: bool = True) -> EmbeddedServices:
    """Return the services of this checkout that no real server replaces; starts nothing."""
    return EmbeddedServices(
        settings.MORPHEUS_VAR,
        wanted=tuple(
            name for name, variable in REPLACED_BY.items() if not os.environ.get(variable)
        ),
        cache_mb=settings.MORPHEUS_CACHE_MB,
        durable=durable,
    )
