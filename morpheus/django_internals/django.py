"""Private parts of Django."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.core.cache import close_caches
from django.core.handlers.exception import convert_exception_to_response
from django.core.signals import request_finished, request_started
from django.db import connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import base as urls
from django.urls import get_script_prefix, set_script_prefix
from django.utils.crypto import salted_hmac
from django.utils.functional import SimpleLazyObject
from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.sessions.backends.base import SessionBase

# Requests

Handler = Callable[[HttpRequest], HttpResponseBase]


def ignore_charset(request: HttpRequest) -> None:
    """Decode the query string as UTF-8, whatever charset the client names.

    A client may name any codec of Python, even a compression. The public setter of `encoding` reads
    the query string, which may be refused before the request has an id.
    """
    request._encoding = None  # type: ignore[attr-defined] # the stubs know the setter alone


def get_loaded_user(request: HttpRequest) -> Any:
    """Return the request's user if it has been read, else None: no query.

    Django's middleware puts a lazy object in `user` and what that loads in `_cached_user`; DRF sets
    `user` itself. Reading the lazy object would be a query.
    """
    user = getattr(request, "_cached_user", None) or request.__dict__.get("user")
    return None if isinstance(user, SimpleLazyObject) else user


def convert_exceptions(handle: Handler) -> Handler:
    """Let a handler respond to its exceptions: 404, 400, 500, logged as Django does.

    Django wraps each middleware and each view in it, and has nothing public for other handlers.
    """
    return cast(Handler, convert_exception_to_response(handle))


def forget_idle_signals(*, is_debug: bool) -> None:
    """Disconnect receivers that have nothing to do at a request's start and end.

    Only `DEBUG` logs queries. django-redis keeps its connections, and no other cache is configured.
    """
    if not is_debug:
        request_started.disconnect(reset_queries)
    request_finished.disconnect(close_caches)


# Responses

# Headers by their names in lower case: name and value.
Headers = Mapping[str, tuple[str, str]]


def set_headers(response: HttpResponseBase, headers: Headers) -> None:
    """Set headers that this program wrote: plain ASCII without line breaks.

    The public way examines and encodes every name and value, for each response again.
    """
    response.headers._store.update(headers)


def set_default_headers(response: HttpResponseBase, headers: Headers) -> None:
    """As `set_headers`, but only those that the response does not have."""
    response.headers._store = {**headers, **response.headers._store}


class PreparedResponse(HttpResponse):
    """A response whose headers are listed as they are stored: the public way copies each one."""

    def items(self) -> Any:
        return self.headers._store.values()


# Users and sessions


class DigestSessionHash:
    """A user whose sessions are bound to a digest of the password's hash, not to the hash.

    `get_session_auth_hash` is public but calls the private method for each rotated key.
    """

    password_digest: Any

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        return salted_hmac(
            "users.session", self.password_digest, secret=secret, algorithm="sha256"
        ).hexdigest()


def has_new_password(user: AbstractBaseUser) -> bool:
    """Tell whether `set_password` chose a password that is not saved yet.

    A receiver of `post_save` has no other way to tell a new password from other changes.
    """
    return user._password is not None  # type: ignore[attr-defined]


def forget_new_password(user: AbstractBaseUser) -> None:
    """Let a password count as unchanged, as Django does when it only upgrades the hash."""
    user._password = None  # type: ignore[attr-defined]


def forget_session_key(session: SessionBase) -> None:
    """Give up the key of a session that has ended: its public property has no setter."""
    session._session_key = None


def move_session(session: SessionBase) -> str | None:
    """Give a session a new key and return the old one, which the public `cycle_key` deletes."""
    data, key = session._session, session.session_key  # type: ignore[attr-defined]
    session.create()
    session._session_cache = data  # type: ignore[attr-defined]
    return key


# Database connections


def use_thread_locals() -> None:
    """Keep what Django has for each thread in `threading.local`: threads serve, not coroutines.

    In a thread without an event loop, asgiref's `Local` does the same by an exception, a lock or a
    copy at each access, and a request has some fifteen: to its connections, to the prefix and to
    the module of its URLs.
    """
    local = threading.local()
    for connection in connections.all(initialized_only=True):
        setattr(local, connection.alias, connection)
    connections._connections = local  # type: ignore[attr-defined] # not in the stubs
    prefix = get_script_prefix()
    urls._prefixes, urls._urlconfs = threading.local(), threading.local()  # type: ignore[attr-defined]
    set_script_prefix(prefix)


class BackendHooks(BaseDatabaseWrapper):
    """Hooks of a PostgreSQL backend, which has none in public; for a class before the backend's.

    Django documents how to write a backend by subclassing, but not its methods.
    """

    def commit_transaction(self, commit: Callable[[], None]) -> None:
        """Commit by `commit`; called for a transaction's end and not for savepoints."""
        commit()

    def prepare_connection(self, connection: Any) -> None:
        """Configure a connection that the pool has just opened."""

    def forget_transaction(self) -> None:
        """Reset the state of a transaction that is about to be rolled back."""

    def _commit(self) -> None:
        self.commit_transaction(super()._commit)  # type: ignore[misc]

    def _rollback(self) -> None:
        self.forget_transaction()
        super()._rollback()  # type: ignore[misc]

    def _configure_connection(self, connection: Any) -> bool:
        self.prepare_connection(connection)
        return bool(super()._configure_connection(connection))  # type: ignore[misc]

    def _set_autocommit(self, autocommit: bool) -> None:
        # Django sets it at each checkout, though connections of the pool have it already.
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]

    def create_cursor(self, name: str | None = None) -> Any:
        # As Django's, which sets a time zone in the loader of times that psycopg's own lacks. It
        # never has a name, because server-side cursors are off.
        return self.connection.cursor()


def list_pools() -> dict[str, ConnectionPool]:
    """Return the pools that are open, by alias; the public property `pool` would open one."""
    return dict(DatabaseWrapper._connection_pools)  # type: ignore[attr-defined]


def has_unapplied_migrations(connection: Any) -> bool:
    """Tell whether the database lacks a migration; `migrate --check` is a command only."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


# Querysets


class CompiledQuery(NamedTuple):
    """SQL of a queryset with its parameters.

    Attributes:
        has_converters: Whether Django changes values of the rows after it has read them.
    """

    sql: str
    params: tuple[Any, ...]
    has_converters: bool


def compile_query(queryset: QuerySet[Any]) -> CompiledQuery:
    """Return a queryset's SQL for its database; `str(query)` is no valid SQL."""
    compiler = queryset.query.get_compiler(queryset.db)
    sql, params = compiler.as_sql()
    converters = compiler.get_converters([column[0] for column in compiler.select])
    return CompiledQuery(sql, tuple(params), bool(converters))
