"""Embedded services that belong to a tool alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management.embedded import REPLACED_BY, embedded_services


@contextmanager
def own_services() -> Iterator[EmbeddedServices]:
    """Run the embedded services of MORPHEUS_VAR for the block, which may kill them.

    Raises:
        CommandError: The environment names real servers.
    """
    if real := [variable for variable in REPLACED_BY.values() if os.environ.get(variable)]:
        raise CommandError(
            f"{' and '.join(real)} name real servers, and this command needs servers of its own: "
            "unset them to use embedded ones."
        )
    with embedded_services() as services:
        yield services
