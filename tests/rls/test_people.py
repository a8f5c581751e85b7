"""What row level security shows of users, and the functions that show more."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction

from morpheus.db.transactions import write_transaction
from tests.conftest import PASSWORD, as_staff
from users.models import AccessToken, PublicUser, User

pytestmark = pytest.mark.django_db


def sql(statement: Any, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else cursor.rowcount


@pytest.mark.parametrize("reader", ["anonymous", "other"])
def test_no_query_reads_another_users_row(make_user: Any, as_user: Any, reader: Any) -> None:
    ann, bob = make_user("ann", bio="Secret."), make_user("bob")
    as_user(ann)

    with write_transaction(as_user=bob.pk if reader == "other" else None):
        mine = [(bob.pk,)] if reader == "other" else []
        assert sql("SELECT id FROM users_user") == mine
        assert not User.objects.filter(bio__contains="Secret").exists()
        assert not AccessToken.objects.filter(user__password__startswith="md5").exists()
        assert sql("SELECT count(*) FROM users_token") == [(0,)]


def test_a_name_is_all_that_everybody_may_know(make_user: Any) -> None:
    ann = make_user("ann", bio="Secret.")

    assert sql("SELECT * FROM users_publicuser") == [(ann.pk, "Ann")]
    assert PublicUser.objects.get(pk=ann.pk).display_name == "Ann"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users_publicuser SET display_name = 'X'",
        "DELETE FROM users_publicuser",
        "INSERT INTO users_publicuser VALUES (1, 'X')",
    ],
)
def test_the_view_of_names_cannot_be_written_through(make_user: Any, statement: Any) -> None:
    make_user("ann")

    with pytest.raises(ProgrammingError.__mro__[1]), transaction.atomic():
        sql(statement)

    assert sql(
        "SELECT is_updatable, is_insertable_into FROM information_schema.views "
        "WHERE table_name = 'users_publicuser'"
    ) == [("NO", "NO")]


def test_an_owners_page_names_others_without_reading_their_rows(
    make_user: Any, make_novels: Any, as_user: Any
) -> None:
    make_novels(owner=make_user("ann"))

    [novel] = as_user(make_user("bob")).get("/api/v1/novels/").json()["results"]

    assert novel["owner"]["display_name"] == "Ann"
    assert set(novel["owner"]) == {"id", "display_name"}


def test_each_door_opens_for_one_secret(make_user: Any, as_user: Any) -> None:
    make_user("ann")

    assert sql("SELECT count(*) FROM users_by_email('%%')") == [(0,)]
    assert sql("SELECT count(*) FROM users_by_email('ann@example.org')") == [(1,)]
    assert sql("SELECT count(*) FROM users_by_token('\\x00')") == [(0,)]


def test_functions_that_look_past_row_level_security_are_known() -> None:
    """docs/security.md lists each; no role may call the functions of triggers."""
    functions = sql(
        "SELECT proname, pg_get_userbyid(proowner) FROM pg_proc "
        "WHERE prosecdef AND pronamespace = 'public'::regnamespace "
        "AND has_function_privilege('morpheus_app', oid, 'EXECUTE') ORDER BY 1"
    )

    assert functions == [
        (name, "morpheus_loader")
        for name in (
            "cache_touch",
            "morpheus_replicas",
            "morpheus_sessions",
            "novels_search_changes",
            "novels_search_matches",
            "users_by_email",
            "users_by_token",
            "users_token_by_digest",
        )
    ]


def test_functions_of_triggers_are_called_by_triggers_alone_and_find_what_they_name() -> None:
    """A search path that a caller chose would let them run as the loader."""
    functions = sql(
        "SELECT bool_or(has_function_privilege('morpheus_app', oid, 'EXECUTE')), "
        "array_agg(DISTINCT pg_get_userbyid(proowner)), array_agg(DISTINCT proconfig::text) "
        "FROM pg_proc WHERE proname ~ '_tags$' AND pronamespace = 'public'::regnamespace"
    )

    assert functions == [(False, ["morpheus_loader"], ['{"search_path=public, pg_temp"}'])]


def test_registering_gives_no_staff_rights(make_user: Any) -> None:
    for rights in ({"is_staff": True}, {"is_superuser": True}):
        user = User(pk=10**6, email="x@example.org", display_name="X", **rights)
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            write_transaction(as_user=user.pk),
        ):
            user.save(force_insert=True)


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
def test_users_cannot_give_themselves_rights_later(make_user: Any, right: Any) -> None:
    ann = make_user("ann")

    with pytest.raises(ProgrammingError, match="Only staff"), write_transaction(as_user=ann.pk):
        User.objects.filter(pk=ann.pk).update(**{right: True})
    with as_staff():
        assert User.objects.filter(pk=ann.pk).update(**{right: True}) == 1


def test_staff_change_their_own_profile_as_anyone_does(make_user: Any, as_user: Any) -> None:
    client = as_user(make_user("root", is_staff=True, is_superuser=True))

    assert client.patch("/api/v1/users/me/", {"bio": "Reads."}).json()["bio"] == "Reads."


def test_a_user_cannot_register_as_another(make_user: Any) -> None:
    user = User(pk=10**6, email="x@example.org", display_name="X")

    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        write_transaction(as_user=10**6 + 1),
    ):
        user.save(force_insert=True)


def test_authentication_finds_users_without_an_identity(make_user: Any) -> None:
    ann = make_user("ann")

    assert authenticate(username="ANN@example.org", password=PASSWORD) == ann
    assert authenticate(username="ann@example.org", password="wrong") is None
    assert authenticate(username="nobody@example.org", password="wrong") is None


def test_a_session_loads_its_user_and_remembers_the_login(client: Any, make_user: Any) -> None:
    ann = make_user("ann")

    assert client.login(username=ann.email, password=PASSWORD)

    assert client.get("/api/v1/users/me/").json()["email"] == ann.email
    with as_staff():
        assert User.objects.get(pk=ann.pk).last_login is not None


def test_operators_commands_find_and_make_users(
    monkeypatch: pytest.MonkeyPatch, make_user: Any, as_user: Any
) -> None:
    ann = make_user("ann")
    client = as_user(ann)
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "quite new words 7")

    call_command("changepassword", ann.email, verbosity=0)
    call_command(
        "createsuperuser",
        interactive=False,
        email="root@example.org",
        display_name="Root",
        verbosity=0,
    )

    assert authenticate(username=ann.email, password="quite new words 7") == ann
    assert client.get("/api/v1/users/me/").status_code == 401
    with as_staff():
        assert User.objects.operators().get().email == "root@example.org"
