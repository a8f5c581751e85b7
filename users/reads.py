"""Cached reads of users."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.reverse import reverse

from morpheus.api.reads import BIGINT_MAX, Row
from morpheus.api.rendering import RowRenderer
from morpheus.api.representations import Expansion
from morpheus.cache.cached_reads import VisibleValue, read, read_many
from morpheus.cache.policies import CachePolicy
from morpheus.db.compiled_reads import AnyOf, CompiledRead
from users.cache_policies import ACCOUNT, EXPORT, NAME, PROFILE, TOKEN
from users.models import PUBLIC, AccessToken, AccountExport, PublicProfile, PublicUser, User
from users.querysets import VisibleRead
from users.serializers import ExportSerializer

_NAMES = CompiledRead(
    list,
    build=lambda ids: PublicUser.objects.filter(AnyOf("pk", ids)).values_list("pk", "display_name"),
)

_PROFILE_COLUMNS = ("id", "display_name", "bio", "date_joined")
_PROFILES = CompiledRead(
    list,
    build=lambda ids: PublicProfile.objects.filter(AnyOf("pk", ids)).values_list(*_PROFILE_COLUMNS),
)


_EXPORT = RowRenderer(ExportSerializer)
_EXPORTS = CompiledRead(
    *(int, int),
    build=lambda pk, user_id: AccountExport.objects.filter(pk=pk, user_id=user_id).values_list(
        *_EXPORT.columns
    ),
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


def profiles_read(user_ids: Iterable[int], request: Request) -> dict[int, Row]:
    """Return the public profiles of active users by id, with links to their public works.

    Tag: `user:<id>`.
    """

    def load(missing: list[int]) -> dict[int, Row]:
        return {
            row[0]: dict(zip(_PROFILE_COLUMNS, row, strict=True)) for row in _PROFILES.rows(missing)
        }

    ids = [user_id for user_id in user_ids if user_id <= BIGINT_MAX]
    profiles = read_many(PROFILE, ids, tags=lambda user_id: [f"user:{user_id}"], load=load)
    # Routes by name, because this app may not import the others.
    works = [(f"{name}_url", reverse(name, request=request)) for name in ("novels", "comics")]
    return {
        user_id: profile | {name: f"{url}?owner={user_id}" for name, url in works}
        for user_id, profile in profiles.items()
        if profile is not None
    }


def _expand_owners(rows: list[Row], reader_id: int | None, request: Request) -> list[Row]:
    """Return rows with the profiles of their owners; an inactive owner stays as it is."""
    profiles = profiles_read({row["owner"]["id"] for row in rows}, request)
    return [row | {"owner": profiles.get(row["owner"]["id"], row["owner"])} for row in rows]


OWNER = Expansion("the owner's public profile, as `/users/{id}/` has it.", _expand_owners)


def add_owners(cards: Sequence[Row]) -> list[Row]:
    """Return cards with the names of their owners; tag: `name:<owner>`."""
    names = user_names(card["owner"] for card in cards)
    return [
        add_owner(card, name)
        for card in cards
        # Without a name, the owner and the row were deleted after the card was read.
        if (name := names[card["owner"]]) is not None
    ]


def add_owner(card: Row, display_name: str) -> Row:
    """Return the card of a novel or comic, which has its owner's id, with the owner's name."""
    return card | {"owner": {"id": card["owner"], "display_name": display_name}}


class CardRead:
    """Cached cards of novels or comics by primary key; invisible ones are absent.

    Args:
        columns: Those of a card, the primary key first.
        tags: Returns the tags of the card with a primary key.
        render: Makes a card of a row.
    """

    def __init__(
        self,
        policy: CachePolicy,
        model: type[Model],
        columns: Iterable[str],
        *,
        tags: Callable[[int], list[str]],
        render: Callable[[Sequence[Any]], Row],
    ) -> None:
        self._policy = policy
        self._rows = VisibleRead.of_ids(model, columns)
        self._tags = tags
        self._render = render

    def read(self, pks: Iterable[int], reader_id: int | None = None) -> dict[int, Row]:
        """Return the public cards, read anonymously, and the others, read as the reader."""
        ids = [pk for pk in pks if pk <= BIGINT_MAX]
        cards = self.read_as(ids, None)
        if reader_id is not None:
            cards |= self.read_as([pk for pk in ids if pk not in cards], reader_id)
        return cards

    def read_as(self, pks: Iterable[int], reader_id: int | None) -> dict[int, Row]:
        """Return the cards that an anonymous reader (None) or a user can see, cached for these."""
        cards = read_many(
            self._policy,
            pks,
            tags=self._tags,
            load=lambda missing: {
                row[0]: self._render(row) for row in self._rows.rows(missing, reader_id)
            },
            reader_id=reader_id,
        )
        return {pk: card for pk, card in cards.items() if card is not None}

    def access(self, pk: int, reader_id: int | None) -> VisibleValue:
        """Return a card, if the reader can see what belongs to its row."""
        return visible_value(self.read([pk], reader_id).get(pk))


def visible_value(card: Row | None) -> VisibleValue:
    """Return a novel or comic with its visibility."""
    return VisibleValue(card, card is not None and card["visibility"] == PUBLIC)


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


def export_read(export_id: int, user_id: int) -> Row | None:
    """Return a user's export as the API shows it, or None; tag: `export:<id>`."""
    if export_id > BIGINT_MAX:
        return None
    row: Row | None = read(
        EXPORT,
        export_id,
        tags=[f"export:{export_id}"],
        load=lambda: next(map(_EXPORT.render, _EXPORTS.rows(export_id, user_id)), None),
        reader_id=user_id,
    )
    return row


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
