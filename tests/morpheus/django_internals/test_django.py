"""The private parts of Django have the shape that `morpheus.django_internals.django` expects."""

from __future__ import annotations

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.db import connection, connections, models, reset_queries, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.urls import get_script_prefix, reverse, set_script_prefix

from morpheus.db.transactions import write_transaction
from morpheus.django_internals import django as internals
from novels.models import Genre
from users.models import User


@pytest.fixture
def request_in_latin_1() -> Any:
    return RequestFactory().get("/?q=%C3%A9", CONTENT_TYPE="text/plain; charset=latin-1")


def test_a_charset_of_the_client_has_an_effect_until_it_is_ignored(request_in_latin_1: Any) -> None:
    assert request_in_latin_1.GET["q"] == "Ã©"


def test_an_ignored_charset_leaves_utf_8(request_in_latin_1: Any) -> None:
    internals.ignore_charset(request_in_latin_1)

    assert request_in_latin_1.GET["q"] == "é"


def test_a_user_is_known_once_it_has_been_read(rf: RequestFactory) -> None:
    request: Any = rf.get("/")
    request.session = {}
    AuthenticationMiddleware(lambda request: None).process_request(request)  # type: ignore[arg-type]

    assert internals.get_loaded_user(request) is None
    assert request.user.is_anonymous
    assert isinstance(internals.get_loaded_user(request), AnonymousUser)


def test_a_user_that_drf_sets_is_known(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = User(pk=1)

    assert internals.get_loaded_user(request) == User(pk=1)


def test_an_exception_becomes_a_response(rf: RequestFactory) -> None:
    def fail(request: Any) -> Any:
        raise Http404

    assert internals.convert_exceptions(fail)(rf.get("/")).status_code == 404


def test_headers_are_set_as_by_their_public_way() -> None:
    response = HttpResponse(headers={"X-One": "1", "X-Two": "2"})

    internals.set_headers(response, {"x-one": ("X-One", "new"), "x-three": ("X-Three", "3")})
    internals.set_default_headers(response, {"x-two": ("X-Two", "new"), "x-four": ("X-Four", "4")})

    del response["content-type"]
    assert dict(response.items()) == {"X-One": "new", "X-Two": "2", "X-Three": "3", "X-Four": "4"}
    assert (response["X-FOUR"], response.has_header("x-three")) == ("4", True)


def test_a_prepared_response_lists_its_headers_as_django_does() -> None:
    headers = {"Content-Type": "text/plain", "X-One": "1", "Vary": "Cookie"}

    response = internals.PreparedResponse(headers=headers)

    assert dict(response.items()) == dict(HttpResponse(headers=headers).items()) == headers


def test_signals_have_no_receivers_without_work() -> None:
    def receivers(signal: Any) -> set[Any]:
        return {receiver() for _, receiver, *_ in signal.receivers}

    internals.forget_idle_signals(is_debug=False)
    assert reset_queries not in receivers(request_started)
    assert close_caches not in receivers(request_finished)
    for signal in (request_started, request_finished):
        signal.connect(close_caches)
        assert close_caches in receivers(signal)
        signal.disconnect(close_caches)


def test_caches_have_nothing_to_close(settings: Any) -> None:
    """Else `close_caches` would have to stay connected."""
    backends = {each["BACKEND"] for each in settings.CACHES.values()}

    assert backends == {"django_redis.cache.RedisCache"}
    assert not any("CLOSE_CONNECTION" in each["OPTIONS"] for each in settings.CACHES.values())
    assert not hasattr(settings, "DJANGO_REDIS_CLOSE_CONNECTION")


def test_each_thread_has_connections_of_its_own() -> None:
    connections["default"]
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(connections.all, initialized_only=True).result() == []
        other = executor.submit(lambda: connections["default"]).result()

    assert isinstance(vars(connections)["_connections"], threading.local)
    assert other is not connections["default"]
    internals.use_thread_locals()
    assert connections.all(initialized_only=True) == [connections["default"]]


def test_each_thread_has_a_prefix_of_its_own_for_urls() -> None:
    before = get_script_prefix()
    set_script_prefix("/mounted/")
    try:
        with ThreadPoolExecutor(1) as executor:
            assert executor.submit(get_script_prefix).result() == "/"
        internals.use_thread_locals()
        assert get_script_prefix() == "/mounted/"
        assert reverse("novels") == "/mounted/api/v1/novels/"
    finally:
        set_script_prefix(before)


def test_sessions_are_bound_to_the_digest_of_the_password(settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = ["older"]
    user, other = User(password="one"), User(password="two")

    assert user.get_session_auth_hash() == User(password="one").get_session_auth_hash()
    assert user.get_session_auth_hash() != other.get_session_auth_hash()
    [fallback] = user.get_session_auth_fallback_hash()
    settings.SECRET_KEY = "older"
    assert user.get_session_auth_hash() == fallback


@pytest.mark.django_db
def test_a_new_password_is_new_until_it_is_saved_or_forgotten(make_user: Any) -> None:
    user = make_user()
    assert not internals.has_new_password(user)

    user.set_password("correct horse")
    assert internals.has_new_password(user)
    internals.forget_new_password(user)
    assert not internals.has_new_password(user)

    user.set_password("battery staple")
    with write_transaction(as_user=user.pk):
        user.save()
    assert not internals.has_new_password(user)


def test_a_session_forgets_its_key() -> None:
    session = SessionStore("a-session-key")
    assert session.session_key == "a-session-key"

    internals.forget_session_key(session)

    assert session.session_key is None


@pytest.mark.django_db(transaction=True)
def test_a_session_moves_with_its_data_and_the_old_one_stays() -> None:
    session = SessionStore()
    session["user"] = "ann"
    session.save()
    old = session.session_key

    assert internals.move_session(session) == old

    session.save()
    assert session.session_key != old
    assert {SessionStore(each)["user"] for each in (old, session.session_key)} == {"ann"}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_commit", ["self"]),
        ("_rollback", ["self"]),
        ("_configure_connection", ["self", "connection"]),
        ("_set_autocommit", ["self", "autocommit"]),
        ("create_cursor", ["self", "name"]),
    ],
)
def test_the_backend_has_the_methods_that_the_hooks_override(
    name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(DatabaseWrapper, name)).parameters) == parameters


@pytest.mark.django_db(transaction=True)
def test_the_backend_calls_its_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def commit(self: Any, commit: Any) -> None:
        calls.append("commit")
        commit()

    kind = type(connection._connections[connection._alias])  # type: ignore[attr-defined]
    monkeypatch.setattr(kind, "commit_transaction", commit)
    monkeypatch.setattr(kind, "forget_transaction", lambda self: calls.append("rollback"))

    with transaction.atomic():
        connection.cursor().execute("SELECT 1")
    with transaction.atomic():
        transaction.set_rollback(True)

    assert calls == ["commit", "rollback"]


def test_open_pools_are_listed_by_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    pool: Any = object()
    monkeypatch.setitem(DatabaseWrapper._connection_pools, "another", pool)  # type: ignore[attr-defined]

    assert internals.list_pools()["another"] is pool


@pytest.mark.django_db
def test_a_migration_without_a_record_is_unapplied(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not internals.has_unapplied_migrations(connection)

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: {})

    assert internals.has_unapplied_migrations(connection)


@pytest.mark.django_db
def test_a_compiled_query_can_be_executed() -> None:
    genre, _ = Genre.objects.get_or_create(slug="weird", defaults={"name": "Weird"})
    sql, params, has_converters = internals.compile_query(
        Genre.objects.filter(slug="weird").values_list("name")
    )

    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        assert cursor.fetchall() == [(genre.name,)]
    assert (params, has_converters) == (("weird",), False)


@pytest.mark.django_db
def test_a_compiled_query_tells_whether_its_values_are_converted() -> None:
    class Upper(models.TextField):  # type: ignore[type-arg]
        def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
            return value.upper()

    converted = Genre.objects.annotate(upper=models.Value("a", Upper())).values_list("upper")

    assert internals.compile_query(converted).has_converters
