"""Every SQL shape that reads users and their tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

from django.contrib.auth.models import BaseUserManager
from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models import Q
from django.utils import timezone

from morpheus.api.reads import BIGINT_MAX
from morpheus.db.compiled_reads import AnyOf, CompiledRead
from morpheus.db.transactions import write_transaction

_OF_EMAIL = """
SELECT id, email, password, display_name, bio, is_active, is_staff, is_superuser, date_joined,
    last_login, confirmed_email, pending_email
FROM users_by_email(%s)
"""
_OF_DIGEST = """
SELECT f.token_id AS id, f.user_id, f.created_at, f.expires_at, f.can_write
FROM users_token_by_digest(%s) f
"""
_OF_TOKEN = ("id", "user_id", "created_at", "expires_at", "can_write")
# Of each row of `AccessTokenQuerySet.record_uses`: a use, and the age from which it is written.
_RECORD_USES = """
UPDATE users_token t SET last_used_at = used.at
FROM unnest(%s::bigint[], %s::timestamptz[]) used (id, at)
WHERE t.id = used.id
    AND (t.last_used_at IS NULL OR t.last_used_at <= used.at - make_interval(secs => %s))
"""
_OF_ACCOUNT = (
    *("id", "email", "display_name", "bio"),
    *("is_active", "is_staff", "is_superuser", "date_joined"),
    *("confirmed_email", "pending_email"),
)


class _Sha256(models.Func):
    template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
    output_field = models.CharField()


class UserManager(BaseUserManager[Any]):
    """Creates users. E-mail addresses are in lower case, so equality compares them."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def operators(self) -> models.QuerySet[Any]:
        """Active superusers, the oldest first."""
        return self.filter(is_superuser=True, is_active=True).order_by("pk")

    def account(self, user_id: int) -> models.QuerySet[Any]:
        """The cached columns of a user: one row of plain values.

        Without the last login, whose change invalidates nothing; with the digest of the password's
        hash (`User.password_digest`) instead of the hash.
        """
        return self.filter(pk=user_id).values(*_OF_ACCOUNT, password_digest=_Sha256("password"))

    def get_by_natural_key(self, username: str | None) -> Any:
        """Return the user of an address, with the password's hash: 1 query."""
        for user in self.raw(_OF_EMAIL, [self.normalize_email(username)]):
            return user
        raise self.model.DoesNotExist("There is no user of this address.")

    def find_by_email(self, email: str) -> Any | None:
        """Return the user of an address, or None: 1 query."""
        try:
            return self.get_by_natural_key(email)
        except self.model.DoesNotExist:
            return None

    def register(self, user: Any) -> None:
        """Insert a new user; see `registering`."""
        with self.registering(user):
            pass

    @contextmanager
    def registering(self, user: Any) -> Iterator[None]:
        """Insert a new user, and run the block, in one transaction with that user's own identity.

        Staff users are created as staff.

        Raises:
            IntegrityError: The address belongs to a user already.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('users_user', 'id'))")
            user.pk = cursor.fetchone()[0]
        with write_transaction(as_user=user.pk, as_staff=user.is_staff or user.is_superuser):
            user.save(force_insert=True)
            yield

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Any:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        self.register(user)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Any:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class VisibleQuerySet(models.QuerySet[Any]):
    """Reads of rows that have an owner (`owner_id`) and a visibility (`is_public`)."""

    def public(self) -> Self:
        """Public rows; the literal condition lets partial indexes serve it."""
        return self.filter(is_public=True)

    def of_ids(self, pks: Iterable[int]) -> Self:
        """The rows with these primary keys."""
        return self.filter(AnyOf("pk", pks))

    def owned_by(self, user_id: int) -> Self:
        """All rows of one owner, of every visibility."""
        return self.filter(owner_id=user_id)

    def visible_to(self, user_id: int | None) -> Self:
        """Rows that a reader can see; for look-ups by a unique key, not for lists."""
        if user_id is None:
            return self.public()
        return self.filter(Q(is_public=True) | Q(owner_id=user_id))

    def listed(self, owner_id: int | None) -> Self:
        """Rows of a list: all of one owner, or the public ones."""
        return self.public() if owner_id is None else self.owned_by(owner_id)


class VisibleRead:
    """A compiled read of the rows that a reader can see.

    Args:
        kind: The type of the key: int, or list for many primary keys.
        model: Its manager is a `VisibleQuerySet`.
        build: Selects columns of the rows with a key.
    """

    def __init__(
        self,
        kind: type,
        model: type[models.Model],
        build: Callable[[Any, Any], models.QuerySet[Any, Any]],
    ) -> None:
        rows: Any = model._default_manager
        self._public = CompiledRead(kind, build=lambda key: build(rows.public(), key))
        self._own = CompiledRead(
            kind, int, build=lambda key, reader_id: build(rows.visible_to(reader_id), key)
        )

    @classmethod
    def of_ids(cls, model: type[models.Model], columns: Iterable[str]) -> Self:
        """Return the read of columns by many primary keys."""
        return cls(list, model, lambda rows, pks: rows.of_ids(pks).values_list(*columns))

    def rows(self, key: Any, reader_id: int | None) -> list[tuple[Any, ...]]:
        """Return the rows that an anonymous reader (None) or a user can see: 1 query."""
        if reader_id is None:
            return self._public.rows(key)
        return self._own.rows(key, reader_id)


class LockingRead:
    """A compiled read that locks one row for a change, without blocking new rows that name it.

    The row has all columns but times, which are read at their first use. The model's manager is a
    `VisibleQuerySet`.
    """

    def __init__(self, model: type[models.Model]) -> None:
        self._model = model
        rows: Any = model._default_manager
        self._names = [
            field.attname
            for field in model._meta.concrete_fields
            if not isinstance(field, models.DateTimeField)
        ]
        self._any = CompiledRead(int, build=lambda pk: self._lock(rows.filter(pk=pk)))
        self._own = CompiledRead(
            *(int, int),
            build=lambda pk, owner_id: self._lock(rows.owned_by(owner_id).filter(pk=pk)),
        )

    def get(self, pk: int, owner_id: int | None) -> Any:
        """Return the row of a key, and lock it until the transaction ends: 1 query.

        Args:
            owner_id: Its owner; None for staff, whose identity may change every row.

        Raises:
            ObjectDoesNotExist: There is no such row, or it may not be changed.
        """
        if pk > BIGINT_MAX:
            rows = []
        elif owner_id is None:
            rows = self._any.rows(pk)
        else:
            rows = self._own.rows(pk, owner_id)
        if not rows:
            raise self._model.DoesNotExist  # type: ignore[attr-defined]
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, rows[0])

    def _lock(self, rows: models.QuerySet[Any]) -> models.QuerySet[Any, Any]:
        return rows.select_for_update(no_key=True).values_list(*self._names)


class AccessTokenQuerySet(models.QuerySet[Any]):
    """Reads of bearer tokens."""

    def of_secret(self, digest: bytes) -> dict[str, Any] | None:
        """Return the columns of a token, or None: 1 query. It may have expired.

        It needs no identity: the database function returns the token of a known digest.
        """
        for token in self.raw(_OF_DIGEST, [digest]):
            return {name: getattr(token, name) for name in _OF_TOKEN}
        return None

    def valid_of(self, user_id: int | None) -> Self:
        """The tokens of a user that have not expired."""
        return self.filter(user_id=user_id, expires_at__gt=timezone.now()).defer("digest")

    def record_uses(self, uses: Mapping[int, datetime], *, interval_s: float) -> None:
        """Write the last use of tokens, by id, whose written one is so old: 1 statement."""
        with connection.cursor() as cursor:
            cursor.execute(_RECORD_USES, [[*uses], [*uses.values()], interval_s])
