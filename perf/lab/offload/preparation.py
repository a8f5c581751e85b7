"""What both modes share: a template database to copy, tokens, and the rows to request."""

from __future__ import annotations

import base64
import hashlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import caches
from django.db import connection
from psycopg.conninfo import make_conninfo

from morpheus.embedded.addresses import Addresses
from perf.lab.example_requests import PASSWORD
from perf.lab.harness.databases import close_connections, copied_database, seed_if_empty
from users.authentication import token_digest

from .subjects import Subjects, load_subjects

_TOKENS = """
INSERT INTO users_token (digest, user_id, created_at, expires_at)
SELECT digest, user_id, now(), now() + interval '1 day'
FROM unnest(%s::bytea[], %s::bigint[]) AS made (digest, user_id)
"""


@dataclass(frozen=True)
class Work:
    """The input of every mode.

    Attributes:
        tokens: Bearer tokens by user.
        admin_url: Of the database server, for a role that may create databases.
        template: Name of the database that each mode gets a copy of.
    """

    of: Subjects
    tokens: dict[int, str]
    admin_url: str
    template: str
    seed: int


@contextmanager
def prepared_work(*, seed: int) -> Iterator[Work]:
    """Seed an empty database; yield the work on a template that is dropped after the block.

    Raises:
        NoSubjects: There are rows, but not of every kind.
    """
    # A termination ends the block like Ctrl-C, so that the template is dropped.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        seed_if_empty()
        name = str(connection.settings_dict["NAME"])
        close_connections()
        admin_url = Addresses.under(settings.MORPHEUS_VAR).database_url("postgres", "postgres")
        template = f"{name}_offload"
        with copied_database(admin_url, source=name, name=template):
            url = make_conninfo(admin_url, dbname=template)
            tokens = _prepare_members(url, seed=seed)
            yield Work(load_subjects(url, seed=seed), tokens, admin_url, template, seed)
    finally:
        signal.signal(signal.SIGTERM, before)


def empty_caches() -> None:
    """Empty every cache of the settings."""
    for alias in settings.CACHES:
        caches[alias].clear()


def _prepare_members(url: str, *, seed: int) -> dict[int, str]:
    """Give every user a password and a token; return the tokens by user."""
    with psycopg.connect(url) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM users_user ORDER BY id")]
        tokens = {user: _make_token(seed, user) for user in ids}
        digests = [token_digest(secret) for secret in tokens.values()]
        database.execute(_TOKENS, [digests, ids])
        password = MD5PasswordHasher().encode(PASSWORD, "salt")
        database.execute("UPDATE users_user SET password = %s", [password])
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("VACUUM (ANALYZE) users_user, users_token")
    return tokens


def _make_token(seed: int, user: int) -> str:
    # In the form of `users.authentication`: any other is refused without a lookup.
    digest = hashlib.sha256(f"token/{seed}/{user}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
