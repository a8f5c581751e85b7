"""Copies of a prepared database, so that each mode starts from the same rows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

from comics.models import Image, Rendition
from comics.services import rendition_make
from morpheus.embedded.roles import APP, OWNER
from users.tokens import token_digest

from .writes import PASSWORD

_TOKENS = """
INSERT INTO users_token (digest, user_id, created_at, expires_at)
SELECT digest, user_id, now(), now() + interval '1 day'
FROM unnest(%s::bytea[], %s::bigint[]) AS made (digest, user_id)
"""


def renditions_prepare() -> None:
    """Make all thumbnails of the images that are there: once, and not by a mode's first reader."""
    there = set(Rendition.objects.values_list("image_id", "size"))
    for image in Image.objects.order_by("pk"):
        for size in Rendition.Size.values:
            if (image.pk, size) not in there:
                rendition_make(
                    image_id=image.pk, digest=image.digest, media_type=image.media_type, size=size
                )


@contextmanager
def copy(admin_url: str, *, of: str, name: str) -> Iterator[str]:
    """Copy a database that nobody uses; yield the copy's URL for the serving role, then drop it.

    What plans cost is counted in it as well, which PostgreSQL leaves out by default.
    """
    source, made = sql.Identifier(of), sql.Identifier(name)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(made)
        admin.execute(drop)
        # As files: faster than through the log, for hundreds of megabytes.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy")
        admin.execute(create.format(made, source, sql.Identifier(OWNER)))
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET pg_stat_statements.track_planning = on").format(made)
        )
        try:
            yield make_conninfo(admin_url, dbname=name, user=APP)
        finally:
            admin.execute(drop)


def close_connections() -> None:
    """Let go of our own database: PostgreSQL copies none that anybody uses."""
    for connection in connections.all():
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined] # the stubs know no pools


def members_prepare(admin_url: str, name: str, *, seed: int) -> dict[int, str]:
    """Give every user a password and a token; return the tokens by user."""
    url = make_conninfo(admin_url, dbname=name)
    with psycopg.connect(url) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM users_user ORDER BY id")]
        tokens = {user: _token(seed, user) for user in ids}
        digests = [token_digest(secret) for secret in tokens.values()]
        database.execute(_TOKENS, [digests, ids])
        password = MD5PasswordHasher().encode(PASSWORD, "salt")
        database.execute("UPDATE users_user SET password = %s", [password])
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("VACUUM (ANALYZE) users_user, users_token")
    return tokens


def _token(seed: int, user: int) -> str:
    # Of the form that `users.tokens` makes: any other is refused without a look-up.
    digest = hashlib.sha256(f"token/{seed}/{user}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
