"""Changes that operators make in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from comics.models import Comic
from morpheus.db.transactions import write_transaction
from novels.models import Genre, Novel, NovelUpload, ProcessingStatus, SearchDocument
from tests.conftest import PASSWORD, as_staff
from tests.morpheus.admin.conftest import url
from tests.users.conftest import ME
from users.models import AccessToken, User

pytestmark = pytest.mark.django_db


def act(site: Any, model: Any, action: Any, *ids: Any, **fields: Any) -> Any:
    form = {"action": action, "_selected_action": ids} | fields
    return site.post(url(model, "changelist"), form, follow=True).content.decode()


def list_values(model: Any, *values: Any) -> Any:
    with write_transaction(as_staff=True):
        return list(model.objects.order_by("pk").values_list(*values, flat=len(values) == 1))


@pytest.mark.parametrize("model", [Novel, Comic])
def test_rows_are_published_and_unpublished(site: Any, make_rows: Any, model: Any) -> None:
    make_rows(3)
    ids = list_values(model, "pk")

    page = act(site, model, "publish", *ids[:2])
    assert list_values(model, "is_public") == [True, True, False]
    assert "2 " in page and "now public" in page

    act(site, model, "unpublish", *ids)
    assert list_values(model, "is_public") == [False, False, False]


@pytest.mark.parametrize("model", [Novel, ProcessingStatus])
def test_only_failed_novels_are_parsed_again(
    site: Any, make_rows: Any, fail: Any, model: Any
) -> None:
    make_rows(2)
    ids = list_values(Novel, "pk")
    with write_transaction(as_staff=True):
        fail(Novel.objects.get(pk=ids[0]))

    page = act(site, model, "reparse_failed", *ids)

    assert "1 of 1 failed novels are queued for parsing" in page
    assert list_values(ProcessingStatus, "state") == ["pending", "completed"]


def test_a_failed_novel_without_a_file_cannot_be_parsed_again(
    site: Any, make_rows: Any, fail: Any
) -> None:
    make_rows()
    with write_transaction(as_staff=True):
        novel = Novel.objects.get()
        NovelUpload.objects.all().delete()
    fail(novel)

    page = act(site, Novel, "reparse_failed", novel.pk)

    assert "has no uploaded file" in page
    assert "0 of 1" in page


def test_a_novel_changed_here_is_found_under_its_new_title(site: Any, make_rows: Any) -> None:
    make_rows()
    [novel_id] = list_values(Novel, "pk")
    form: dict[str, Any] = {"title": "The Zanzibar Affair", "author": "An author", "synopsis": ""}
    for prefix in ("status", "upload"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}

    response = site.post(url(Novel, "change", novel_id), form)

    assert response.status_code == 302, response.context["errors"]
    assert list_values(Novel, "title") == ["The Zanzibar Affair"]
    with write_transaction(as_staff=True):
        vector = SearchDocument.objects.get(chapter=None).vector
    assert "zanzibar" in vector


def test_deleting_a_novel_takes_what_belongs_to_it(site: Any, make_rows: Any) -> None:
    make_rows(2)
    deleted, remaining = list_values(Novel, "pk")

    response = site.post(url(Novel, "delete", deleted), {"post": "yes"})

    assert response.status_code == 302
    assert (
        list_values(Novel, "pk")
        == list_values(ProcessingStatus, "pk")
        == list_values(NovelUpload, "pk")
        == [remaining]
    )
    assert list_values(Comic, "novel_id") == [None, remaining]


@pytest.mark.parametrize("model", [Novel, Comic])
def test_an_action_deletes_several_rows(site: Any, make_rows: Any, model: Any) -> None:
    make_rows(3)
    ids = list_values(model, "pk")

    act(site, model, "delete_selected", *ids[:2], post="yes")

    assert list_values(model, "pk") == ids[2:]


def test_a_user_with_novels_is_not_deleted_and_a_message_gives_the_reason(
    site: Any, make_rows: Any
) -> None:
    owner = make_rows()

    page = site.post(url(User, "delete", owner.pk), {"post": "yes"}, follow=True)
    action_page = act(site, User, "delete_selected", owner.pk, post="yes")

    for text in (page.content.decode(), action_page):
        assert "Nothing was deleted: " in text
    with as_staff():
        assert User.objects.filter(pk=owner.pk).exists()
        assert AccessToken.objects.filter(user=owner).exists()


def test_a_user_without_novels_is_deleted(site: Any, make_user: Any, as_user: Any) -> None:
    ann = make_user("ann")
    client = as_user(ann)

    assert site.post(url(User, "delete", ann.pk), {"post": "yes"}).status_code == 302

    with as_staff():
        assert not User.objects.filter(pk=ann.pk).exists()
    assert client.get(ME).status_code == 401


def test_a_genre_in_use_is_not_deleted(site: Any, make_novels: Any) -> None:
    used, unused = Genre.objects.order_by("pk")[:2]
    make_novels(genre=used)

    page = site.post(url(Genre, "delete", used.pk), {"post": "yes"}).content.decode()
    act(site, Genre, "delete_selected", used.pk, post="yes")
    site.post(url(Genre, "delete", unused.pk), {"post": "yes"})

    assert "(used by novels)" in page
    assert Genre.objects.filter(pk=used.pk).exists()
    assert not Genre.objects.filter(pk=unused.pk).exists()


def test_a_user_is_made_with_an_address_in_lower_case(site: Any, client: Any) -> None:
    form = {
        "email": "Ann@Example.org",
        "display_name": "Ann",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }

    assert site.post(url(User, "add"), form).status_code == 302
    again = site.post(url(User, "add"), form)

    with as_staff():
        assert User.objects.get(email="ann@example.org").check_password(PASSWORD)
    assert "already exists" in again.content.decode()


def test_a_password_set_here_revokes_the_users_tokens(
    site: Any, make_user: Any, as_user: Any
) -> None:
    ann = make_user("ann")
    client = as_user(ann)
    page = reverse("admin:auth_user_password_change", args=[ann.pk])
    assert site.get(page).status_code == 200

    form = {"usable_password": "true", "password1": "quite new words", "password2": ""}
    response = site.post(page, form | {"password2": form["password1"]})

    assert response.status_code == 302
    assert client.get(ME).status_code == 401
    with as_staff():
        ann.refresh_from_db()
    assert ann.check_password("quite new words")


def test_deleting_a_token_revokes_it(site: Any, make_user: Any, as_user: Any) -> None:
    client = as_user(make_user("ann"))

    with as_staff():
        site.post(url(AccessToken, "delete", AccessToken.objects.get().pk), {"post": "yes"})

    assert client.get(ME).status_code == 401


@pytest.fixture
def helpdesk(client: Any, make_user: Any) -> Any:
    """A browser of staff with permission to change and delete users only."""
    staff = make_user("desk", is_staff=True)
    with as_staff():
        staff.user_permissions.set(
            Permission.objects.filter(codename__in=["view_user", "change_user", "delete_user"])
        )
    client.login(username=staff.email, password=PASSWORD)
    return client


def test_staff_cannot_make_themselves_superusers(helpdesk: Any) -> None:
    with as_staff():
        staff = User.objects.get(email="desk@example.org")
    form = {"email": staff.email, "display_name": "Desk", "is_active": "on", "is_superuser": "on"}

    assert helpdesk.post(url(User, "change", staff.pk), form).status_code == 302

    with as_staff():
        staff.refresh_from_db()
    assert (staff.is_superuser, staff.is_staff) == (False, True)


def test_staff_cannot_touch_superusers(helpdesk: Any, operator: Any) -> None:
    password = reverse("admin:auth_user_password_change", args=[operator.pk])
    form = {"password1": "quite new words", "password2": "quite new words"}

    assert helpdesk.post(url(User, "change", operator.pk), {}).status_code == 403
    assert helpdesk.post(password, form).status_code == 403
    assert helpdesk.post(url(User, "delete", operator.pk), {"post": "yes"}).status_code == 403
    act(helpdesk, User, "delete_selected", operator.pk, post="yes")

    with as_staff():
        operator.refresh_from_db()
    assert operator.check_password(PASSWORD)


def test_staff_without_the_permission_are_not_offered_the_actions(
    helpdesk: Any, make_rows: Any
) -> None:
    make_rows()
    [novel_id] = list_values(Novel, "pk")

    assert helpdesk.get(url(Novel, "changelist")).status_code == 403
    form = {"action": "publish", "_selected_action": [novel_id]}
    assert helpdesk.post(url(Novel, "changelist"), form).status_code == 403
    assert list_values(Novel, "is_public") == [False]
