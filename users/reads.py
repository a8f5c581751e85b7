"""Cached reads of users."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from morpheus.cache.cached_reads import read, read_many
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.expressions import AnyOf
from users.cache_policies import ACCOUNT, NAME, TOKEN
from users.models import AccessToken, PublicUser, User

_NAMES = CompiledRead(
    list,
    build=lambda ids: PublicUser.objects.filter(AnyOf("pk", ids)).values_list("pk", "display_name"),
)


def user_names(user_ids: Iterable[int]) -> dict[int, str | None]:
    """Return what users are called in public, by id; None for who is not there.

    Tag: `name:<id>`.
    """
    return read_many(NAME, user_ids, tags=lambda user_id: [f"name:{user_id}"], load=_load_names)


def add_owner(card: dict[str, Any], display_name: str) -> dict[str, Any]:
    """Return the card of a novel or comic, which has its owner's id, with the owner's name."""
    return card | {"owner": {"id": card["owner"], "display_name": display_name}}


def _load_names(user_ids: list[int]) -> dict[int, str]:
    return dict(_NAMES.rows(user_ids))


def token_find(digest: bytes) -> AccessToken | None:
    """Return the token of a secret, or None if there is no such, or it has expired.

    Cold: 1 query. Tag: `token:<digest>`; of unknown ones nothing is kept.
    """
    name = digest.hex()
    kept = read(
        TOKEN,
        name,
        tags=[f"token:{name}"],
        load=lambda: AccessToken.objects.of_secret(digest),
    )
    if kept is None:
        return None
    expires_at = datetime.fromisoformat(kept["expires_at"])
    if expires_at <= timezone.now():
        return None
    names = ["id", "digest", "user_id", "created_at", "expires_at"]
    created_at = datetime.fromisoformat(kept["created_at"])
    values = [kept["id"], digest, kept["user_id"], created_at, expires_at]
    return AccessToken.from_db(DEFAULT_DB_ALIAS, names, values)


def user_find(user_id: int) -> User | None:
    """Return a user as they may see themselves, or None if there is no such.

    Cold: 1 query. Tag: `user:<id>`. For asking who somebody is: what is to be changed is read from
    the database, and what was not kept (the password, the last login) is read from there at its
    first use.
    """
    kept = read(
        ACCOUNT,
        user_id,
        tags=[f"user:{user_id}"],
        load=lambda: _load_account(user_id),
        reader_id=user_id,
    )
    if kept is None:
        return None
    kept["date_joined"] = datetime.fromisoformat(kept["date_joined"])
    return User.from_cache(kept)


def _load_account(user_id: int) -> dict[str, Any] | None:
    return next(iter(User.objects.account(user_id)), None)
