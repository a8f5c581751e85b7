"""What all modes are given alike: a template to copy, tokens, and what to ask for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from psycopg.conninfo import make_conninfo

from morpheus.embedded.addresses import Addresses

from .databases import close_connections, copy, members_prepare, renditions_prepare
from .subjects import Subjects, subjects


@dataclass(frozen=True)
class Work:
    """The part that is the same in each mode.

    Attributes:
        tokens: Secrets of bearer tokens, by user.
        admin_url: Of the server, as one who may make databases.
        template: Name of the database that each mode gets a copy of.
    """

    of: Subjects
    tokens: dict[int, str]
    admin_url: str
    template: str
    seed: int

    def copy_name(self, purpose: str) -> str:
        """Return the name of a copy."""
        return f"{self.template}_{purpose}"


@contextmanager
def prepared(*, seed: int) -> Iterator[Work]:
    """Seed if there is nothing; yield the work on a template that is dropped afterwards.

    Raises:
        NothingToAsk: There are rows, but not of every kind.
    """
    # Asked to stop, as by Ctrl-C: what is made here is dropped again.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        call_command("seed", if_empty=True, quiet=True)
        renditions_prepare()
        name = connection.settings_dict["NAME"]
        close_connections()
        admin_url = Addresses.under(settings.MORPHEUS_VAR).database_url("postgres", "postgres")
        template = f"{name}_offload"
        with copy(admin_url, of=name, name=template):
            tokens = members_prepare(admin_url, template, seed=seed)
            of = subjects(make_conninfo(admin_url, dbname=template), seed=seed)
            yield Work(of, tokens, admin_url, template, seed)
    finally:
        signal.signal(signal.SIGTERM, before)


def empty_caches() -> None:
    """Empty every cache that the settings name."""
    for alias in settings.CACHES:
        caches[alias].clear()
