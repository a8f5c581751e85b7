"""Cached reads of users."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from morpheus.cache.cached_reads import read, read_many
from morpheus.db.compiled_reads import AnyOf, CompiledRead
from users.cache_policies import ACCOUNT, NAME, TOKEN
from users.models import AccessToken, PublicUser, User

_NAMES = CompiledRead(
    list,
    build=lambda ids: PublicUser.objects.filter(AnyOf("pk", ids)).values_list("pk", "display_name"),
)


def user_names(user_ids: Iterable[int]) -> dict[int, str | None]:
    """Return the public names of users, by id; None if there is no such user.

    Tag: `name:<id>`.
    """
    return read_many(
        NAME,
        user_ids,
        tags=lambda user_id: [f"name:{user_id}"],
        load=lambda missing: dict(_NAMES.rows(missing)),
    )


def add_owner(card: dict[str, Any], display_name: str) -> dict[str, Any]:
    """Return the card of a novel or comic, which has its owner's id, with the owner's name."""
    return card | {"owner": {"id": card["owner"], "display_name": display_name}}


def token_read(digest: bytes) -> AccessToken | None:
    """Return a token that has not expired, or None.

    Tag: `token:<digest>`. Unknown digests are not cached.
    """
    name = digest.hex()
    cached = read(
        TOKEN, name, tags=[f"token:{name}"], load=lambda: AccessToken.objects.of_secret(digest)
    )
    if cached is None:
        return None
    for name in ("created_at", "expires_at"):
        cached[name] = datetime.fromisoformat(cached[name])
    token = AccessToken(**cached, digest=digest)
    return token if token.expires_at > timezone.now() else None


def user_read(user_id: int) -> User | None:
    """Return a user with the columns that users see of themselves, or None.

    Tag: `user:<id>`. The other columns (password, last login) are read from the database at their
    first use. A write reads the user from the database.
    """
    cached = read(
        ACCOUNT,
        user_id,
        tags=[f"user:{user_id}"],
        load=lambda: next(iter(User.objects.account(user_id)), None),
        reader_id=user_id,
    )
    if cached is None:
        return None
    cached["date_joined"] = datetime.fromisoformat(cached["date_joined"])
    return User.from_cache(cached)
