"""Which tags each kind of write to users, tokens and rights touches: these and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from tests.conftest import PASSWORD, as_staff, collect_tags
from tests.users.conftest import ME, TOKEN
from users.models import AccessToken, User
from users.services.users import user_register

pytestmark = pytest.mark.django_db


def token_of(user: Any) -> str:
    with as_staff():
        return f"token:{bytes(AccessToken.objects.get(user=user).digest).hex()}"


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"display_name": "New"}, {"name", "user"}),
        ({"bio": "New."}, {"user"}),
        ({"email": "new@example.org"}, {"user"}),
        ({"confirmed_email": "ann@example.org"}, {"user"}),
        ({"pending_email": "new@example.org"}, {"user"}),
        ({"password": "!"}, {"user"}),
        ({"is_active": False}, {"user"}),
        ({"is_staff": True}, {"user"}),
        ({"is_superuser": True}, {"user"}),
        ({"last_login": timezone.now()}, set()),
        ({"display_name": "Ann"}, set()),
    ],
)
def test_a_changed_user_touches_the_user_and_a_changed_name(
    ann: User, changes: dict[str, Any], kinds: set[Any]
) -> None:
    with collect_tags() as tags, as_staff():
        User.objects.filter(pk=ann.pk).update(**changes)

    assert tags == {f"{kind}:{ann.pk}" for kind in kinds}


def test_the_api_touches_what_it_changes(ann: User, as_user: Callable[..., APIClient]) -> None:
    client = as_user(ann)

    with collect_tags() as tags:
        assert client.patch(ME, {"bio": "New."}).status_code == 200

    assert tags == {f"user:{ann.pk}"}


def test_a_new_user_touches_the_tags_of_absent_values(db: None) -> None:
    with collect_tags() as tags:
        user = user_register(email="x@example.org", password="a good one", display_name="X")

    assert tags == {f"name:{user.pk}", f"user:{user.pk}"}


def test_logging_in_touches_the_token_alone(ann: User, api: APIClient) -> None:
    with collect_tags() as tags:
        assert api.post(TOKEN, {"email": ann.email, "password": PASSWORD}).status_code == 200

    assert tags == {token_of(ann)}


def test_a_token_touches_itself_when_it_is_changed_or_revoked(
    ann: User, as_user: Callable[..., APIClient]
) -> None:
    as_user(ann)
    token = token_of(ann)

    with collect_tags() as tags, write_transaction(as_user=ann.pk):
        AccessToken.objects.update(expires_at=timezone.now() + timedelta(days=9))
    assert tags == {token}

    with collect_tags() as tags, write_transaction(as_user=ann.pk):
        AccessToken.objects.filter(user=ann).delete()
    assert tags == {token}


def test_a_deleted_user_touches_the_tokens(ann: User, as_user: Callable[..., APIClient]) -> None:
    as_user(ann)
    token = token_of(ann)

    with collect_tags() as tags, as_staff(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM users_user WHERE id = %s", [ann.pk])

    assert tags == {f"name:{ann.pk}", f"user:{ann.pk}", token}


def test_granted_and_revoked_rights_touch_their_users(
    ann: User, make_user: Callable[..., Any]
) -> None:
    make_user("bob")
    with as_staff():
        group = Group.objects.create(name="Moderators")
    permission = Permission.objects.earliest("pk")

    def writes() -> Iterator[Any]:
        yield lambda: ann.groups.add(group)
        yield lambda: group.permissions.add(permission)
        yield lambda: group.permissions.clear()
        yield lambda: ann.user_permissions.add(permission)
        yield lambda: ann.user_permissions.clear()
        yield lambda: group.delete()

    for write in writes():
        with collect_tags() as tags, as_staff():
            write()
        assert tags == {f"user:{ann.pk}"}
