"""The embedded services that settings and environment ask for."""

from __future__ import annotations

import os

from django.conf import settings

from morpheus.embedded.supervisor import EmbeddedServices

# The variable of a real server, which replaces the embedded one.
REPLACED_BY = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


def embedded_services(*, durable: bool = True) -> EmbeddedServices:
    """Return the services of this checkout that no real server replaces; start nothing."""
    return EmbeddedServices(
        settings.MORPHEUS_VAR,
        wanted=tuple(
            name for name, variable in REPLACED_BY.items() if not os.environ.get(variable)
        ),
        durable=durable,
    )
