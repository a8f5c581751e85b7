"""Services of a tool's own, seeded data, sessions, and copies of a database for equal runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import Client
from psycopg import sql
from psycopg.conninfo import make_conninfo

from comics.models import Image, Rendition
from comics.services.images import rendition_create
from morpheus.embedded.roles import APP, OWNER
from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management.embedded import REPLACED_BY, embedded_services
from users.models import User


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


def seed_if_empty() -> None:
    """Seed an empty database; make the thumbnails, so that no reader is the first to want one."""
    call_command("seed", if_empty=True, quiet=True)
    prepare_thumbnails()


def prepare_thumbnails() -> None:
    """Make all missing thumbnails of the stored images."""
    existing = set(Rendition.objects.values_list("image_id", "size"))
    for image in Image.objects.order_by("pk"):
        for size in Rendition.Size.values:
            if (image.pk, size) not in existing:
                rendition_create(
                    image_id=image.pk,
                    digest=image.digest,
                    media_type=image.media_type,
                    size=size,
                    generation=image.generation,
                )


def session_start(user: User) -> dict[str, str]:
    """Log a user in without a password, whose comparison is slow; return the session's headers."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}


@contextmanager
def copied_database(admin_url: str, *, source: str, name: str) -> Iterator[str]:
    """Copy the database of this process; yield the URL of the copy for the serving role.

    The copy is dropped after the block. pg_stat_statements counts planning in it, too.
    """
    copy = sql.Identifier(name)
    # PostgreSQL copies no database that has connections.
    for connection in connections.all():
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    with psycopg.connect(admin_url, autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(copy)
        admin.execute(drop)
        # As files: faster than through the log, for hundreds of megabytes.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy")
        admin.execute(create.format(copy, sql.Identifier(source), sql.Identifier(OWNER)))
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET pg_stat_statements.track_planning = on").format(copy)
        )
        try:
            yield make_conninfo(admin_url, dbname=name, user=APP)
        finally:
            admin.execute(drop)
