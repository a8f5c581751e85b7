"""Seeded users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from django.contrib.auth.hashers import make_password

from .chance import draws
from .dates import FIRST_READER, OPENING_DAY, made_at, stamp
from .lines import line
from .naming import person
from .options import SeedOptions
from .prose import prose

# Django takes a hash that starts with "!" for no password at all: the user cannot log in.
NO_PASSWORD = "!seeded"  # noqa: S105


def email(user_id: int) -> str:
    """Return the address of a seeded user."""
    return f"reader{user_id:06}@example.org"


def reader_lines(options: SeedOptions, user_ids: Sequence[int]) -> Iterator[str]:
    """Yield users_user; all have the same password, if any."""
    password = password_hash(options)
    written = prose(options.seed)
    draw = draws(options.seed, "readers", len(user_ids) and user_ids[0])
    for number, user_id in enumerate(user_ids):
        joined = stamp(made_at(draw, number, len(user_ids), FIRST_READER, OPENING_DAY))
        bio = written.few(draw, 1 + int(draw() * 3)) if draw() < 0.3 else ""
        name = person(user_id)
        yield line(user_id, password, False, email(user_id), name, bio, False, True, joined)


def password_hash(options: SeedOptions) -> str:
    """Hash the password once, for all: a thousand PBKDF2 hashes would take minutes."""
    if options.password is None:
        return NO_PASSWORD
    salt = sha256(f"password/{options.seed}".encode()).hexdigest()[:32]
    return make_password(options.password, salt)
