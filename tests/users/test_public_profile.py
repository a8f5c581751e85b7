"""GET /users/{id}/: what everyone may know of an active user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from tests.cached_shapes import assert_shape_is_kept
from tests.conftest import as_staff
from tests.users.conftest import ME
from tests.visitor import counted_queries
from users.cache_policies import PROFILE
from users.models import PublicProfile, User

pytestmark = pytest.mark.django_db(transaction=True)

SHAPES = Path(__file__).parent / "cached_shapes"


def url(user: User) -> str:
    return f"/api/v1/users/{user.pk}/"


@pytest.fixture
def ann(make_user: Callable[..., User]) -> User:
    return make_user("ann", bio="Reads.")


def test_every_caller_sees_the_public_profile_and_no_more(
    api: APIClient, as_user: Callable[..., APIClient], make_user: Callable[..., User], ann: User
) -> None:
    joined = as_user(ann).get(ME).json()["date_joined"]

    for client in (api, as_user(make_user("ben")), as_user(ann)):
        response = client.get(url(ann))
        assert response.json() == {
            "id": ann.pk,
            "display_name": "Ann",
            "bio": "Reads.",
            "date_joined": joined,
            "novels_url": f"http://testserver/api/v1/novels/?owner={ann.pk}",
            "comics_url": f"http://testserver/api/v1/comics/?owner={ann.pk}",
        }
        assert response["Cache-Control"] == "public, no-cache"


def test_the_links_lead_to_the_public_works_of_the_user(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User
) -> None:
    (public,) = make_novels(owner=ann)
    make_novels(owner=ann, is_public=False)
    make_novels()

    profile = as_user(ann).get(url(ann)).json()

    listed = as_user(ann).get(profile["novels_url"]).json()["results"]
    assert [novel["id"] for novel in listed] == [public.pk]
    assert as_user(ann).get(profile["comics_url"]).json()["results"] == []


@pytest.mark.parametrize("pk", [0, 10**9, 2**63, 10**30])
def test_an_unknown_user_is_404(api: APIClient, ann: User, pk: int) -> None:
    assert api.get(f"/api/v1/users/{pk}/").status_code == 404


@pytest.mark.usefixtures("one_request_id")
def test_an_inactive_user_is_404_as_an_unknown_one(api: APIClient, ann: User) -> None:
    unknown = api.get(f"/api/v1/users/{ann.pk + 1000}/")
    assert api.get(url(ann)).status_code == 200

    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=False)

    response = api.get(url(ann))
    assert (response.status_code, response.content) == (404, unknown.content)
    with as_staff():
        User.objects.filter(pk=ann.pk).update(is_active=True)
    assert api.get(url(ann)).status_code == 200


def test_a_change_is_in_the_next_read(
    api: APIClient,
    as_user: Callable[..., APIClient],
    by_psql: Callable[..., None],
    ann: User,
) -> None:
    client = as_user(ann)
    for name, bio in (("Anne", "Writes."), ("Anna", "")):
        api.get(url(ann))
        client.patch(ME, {"display_name": name, "bio": bio})
        shown = api.get(url(ann)).json()
        assert (shown["display_name"], shown["bio"]) == (name, bio)

    by_psql("UPDATE users_user SET bio = 'By hand.'")
    assert api.get(url(ann)).json()["bio"] == "By hand."


def test_a_profile_costs_one_query_and_none_while_it_is_cached(api: APIClient, ann: User) -> None:
    counts = []
    for _ in range(2):
        with counted_queries() as seen:
            api.get(url(ann))
        counts.append(len(seen.sql))

    assert counts == [1, 0]
    assert_shape_is_kept(SHAPES, PROFILE, ann.pk)


def test_the_database_shows_no_more_either(
    make_user: Callable[..., User], ann: User, connect: Callable[[str], psycopg.Connection]
) -> None:
    """Row level security hides the table; the view has neither other columns nor inactive users."""
    inactive = make_user("eve", is_active=False)

    with write_transaction(as_user=None):
        assert not User.objects.filter(pk=ann.pk).exists()
        assert PublicProfile.objects.get(pk=ann.pk).bio == "Reads."
        assert not PublicProfile.objects.filter(pk=inactive.pk).exists()
    columns = connect("app").execute("SELECT * FROM users_publicprofile").description
    assert [column.name for column in columns or ()] == [
        *("id", "display_name", "bio", "date_joined")
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users_publicprofile SET bio = 'X'",
        "DELETE FROM users_publicprofile",
        "INSERT INTO users_publicprofile VALUES (1, 'X', '', now())",
    ],
)
def test_the_view_cannot_be_written_through(ann: User, statement: str) -> None:
    with connection.cursor() as cursor:
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
        cursor.execute(
            "SELECT is_updatable, is_insertable_into FROM information_schema.views "
            "WHERE table_name = 'users_publicprofile'"
        )
        assert cursor.fetchall() == [("NO", "NO")]
