"""Every page of every model in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.urls import reverse

from comics.models import Comic, Panel
from morpheus.admin import model_admins as admin_lists
from morpheus.db.transactions import write_transaction
from novels.models import Chapter, Novel, NovelUpload, ProcessingStatus
from novels.services.uploads import novel_reparse
from tests.conftest import PASSWORD
from tests.morpheus.admin.conftest import url
from tests.pages import written_into
from tests.visitor import counted_queries
from users.models import User

pytestmark = pytest.mark.django_db

MODELS = list(admin.site._registry)
LABELS = ("users", "novels", "comics", "perf")
OURS = [model for model in MODELS if model._meta.app_label in LABELS]
PAGES = ["changelist", "add", "change", "delete", "history"]


def some_row(model: Any, operator: Any) -> Any:
    with write_transaction(as_user=operator.pk, as_staff=True):
        return model._default_manager.order_by("pk").first()


@pytest.fixture
def rows(make_rows: Any, operator: Any) -> None:
    """At least one row of every model that the admin shows."""
    make_rows()
    with write_transaction(as_user=operator.pk, as_staff=True):
        Group.objects.create(name="Moderators")
        novel_reparse(novel_id=Novel.objects.earliest("pk").pk)  # A task for the worker.


def test_every_model_of_morpheus_has_pages() -> None:
    ours = {m for label in LABELS for m in apps.get_app_config(label).models}

    assert ours - {model._meta.model_name for model in OURS} == {
        "metricssample",  # The dashboard shows it.
        *("accountdeletion", "accountexport"),  # Their tasks have pages.
        *("publicuser", "publicprofile", "publiccount"),
        "user_groups",
        "user_user_permissions",
    }


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_opens_or_is_not_offered(
    site: Any, operator: Any, rows: Any, model: Any, page: Any, rf: Any
) -> None:
    row = some_row(model, operator)
    request = rf.get("/")
    request.user = operator
    model_admin = admin.site.get_model_admin(model)
    offered = {
        "add": model_admin.has_add_permission(request),
        "delete": model_admin.has_delete_permission(request, row),
    }.get(page, True)

    args = [row.pk] if page in ("change", "delete", "history") else []
    response = site.get(url(model, page, *args))

    assert response.status_code == (200 if offered else 403)
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert written_into(response.content.decode()) == []
    if page == "changelist":
        assert len(response.context["cl"].result_list) > 0


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("query", ["", "?q=7", "?q=No", "?q=user1%40example.org", "?o=-1"])
def test_a_list_costs_the_same_however_many_rows(
    site: Any, make_rows: Any, assert_flat_queries: Any, model: Any, query: Any
) -> None:
    make_rows(2)

    assert_flat_queries(
        lambda: site.get(url(model, "changelist") + query), lambda: make_rows(4), budget=9
    )


def test_a_novels_page_costs_the_same_however_many_chapters(
    site: Any, operator: Any, make_rows: Any, make_chapters: Any, assert_flat_queries: Any
) -> None:
    make_rows()
    novel = some_row(Novel, operator)

    assert_flat_queries(
        lambda: site.get(url(Novel, "change", novel.pk)),
        lambda: make_chapters(novel, *["More."] * 5),
        budget=16,
    )


def test_a_novels_page_shows_its_upload_only_if_there_is_one(
    site: Any, operator: Any, make_rows: Any
) -> None:
    make_rows()
    novel = some_row(Novel, operator)
    with_upload = site.get(url(Novel, "change", novel.pk)).content.decode()
    with write_transaction(as_staff=True):
        NovelUpload.objects.all().delete()

    without = site.get(url(Novel, "change", novel.pk)).content.decode()

    assert "Novel upload" in with_upload and "a.txt" in with_upload
    assert "Novel upload:" not in without and "Uploaded at" not in without
    assert "Processing status" in without
    # A choice of all users would stand in the page.
    assert "-0-owner" not in with_upload


def test_lists_do_not_count_beyond_a_bound(
    site: Any, make_rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_lists, "MAX_LISTED", 3)
    make_rows(5)

    with counted_queries() as seen:
        response = site.get(url(Panel, "changelist"))

    assert "3+ panels" in response.content.decode()
    assert [sql for sql in seen.sql if "COUNT" in sql] == [
        sql for sql in seen.sql if "COUNT" in sql and "LIMIT 4" in sql
    ]


def test_a_page_s_keys_are_read_before_other_tables_are_joined(site: Any, make_rows: Any) -> None:
    make_rows(3)

    with counted_queries() as seen:
        site.get(url(Comic, "changelist"))

    keys, rows = (sql for sql in seen.sql if 'FROM "comics_comic"' in sql and "COUNT" not in sql)
    assert "JOIN" not in keys
    assert rows.count("JOIN") == 2 and '"comics_comic"."id" IN' in rows


def test_only_staff_see_private_rows_of_others(site: Any, make_rows: Any, client: Any) -> None:
    make_rows()
    with write_transaction(as_staff=True):
        novel = Novel.objects.get()

    assert novel.title in site.get(url(Novel, "changelist")).content.decode()
    assert client.get(url(Novel, "changelist")).status_code == 302
    assert not Novel.objects.exists()


def test_a_user_without_staff_rights_is_redirected_to_the_login(
    client: Any, make_user: Any, make_rows: Any
) -> None:
    make_rows()
    make_user("ann")
    client.login(username="ann@example.org", password=PASSWORD)

    for page in (reverse("admin:index"), url(Novel, "changelist")):
        assert client.get(page).status_code == 302


def test_the_text_of_a_chapter_is_on_its_page(
    site: Any, operator: Any, make_rows: Any, make_chapters: Any
) -> None:
    make_rows()
    make_chapters(some_row(Novel, operator), "<script>alert(1)</script>")
    with write_transaction(as_staff=True):
        chapter = Chapter.objects.latest("pk")

    page = site.get(url(Chapter, "change", chapter.pk)).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


@pytest.mark.parametrize(
    "term, count",
    [
        ("Novel 0", 2),
        ("novel 0", 2),
        ("vel", 0),
        ("user1@example.org", 2),
        ("USER1@example.org", 2),
        ("unknown@example.org", 0),
        ("%", 0),
        ("\x00", 2),
        ("9" * 40, 0),
    ],
)
def test_novels_are_searched_by_prefix_owner_or_id(
    site: Any, make_rows: Any, term: Any, count: Any
) -> None:
    make_rows(2)

    response = site.get(url(Novel, "changelist"), {"q": term})

    assert response.context["cl"].result_count == count


def test_search_is_served_by_an_index(make_rows: Any, operator: Any) -> None:
    make_rows()
    rows = admin_lists.filter_by_term(
        Novel.objects.all(), "Abc", numbers=("pk",), prefixes=("title",), email=None
    )

    with write_transaction(as_user=operator.pk, as_staff=True), connection.cursor() as cursor:
        # A sequential scan of few rows is cheaper; here the index must be able to serve it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = rows.explain(costs=False)

    assert "Index Cond" in plan and "title" in plan.split("Index Cond", 1)[1].splitlines()[0]


def test_novels_are_filtered_by_state(site: Any, operator: Any, make_rows: Any, fail: Any) -> None:
    make_rows(3)
    fail(some_row(Novel, operator))

    response = site.get(url(Novel, "changelist"), {"status__state__exact": "failed"})

    assert response.context["cl"].result_count == 1


@pytest.mark.parametrize(
    "model, field, term",
    [("novel", "genre", "hor"), ("novel", "language", "Eng"), ("comic", "owner", "root")],
)
def test_autocomplete_finds_by_beginning(
    site: Any, rows: Any, model: Any, field: Any, term: Any
) -> None:
    query = {"app_label": f"{model}s", "model_name": model, "field_name": field, "term": term}

    response = site.get(reverse("admin:autocomplete"), query)

    assert len(response.json()["results"]) == 1


def test_popups_work(site: Any, rows: Any) -> None:
    assert site.get(url(User, "changelist") + "?_popup=1").status_code == 200
    response = site.post(
        reverse("admin:novels_genre_add") + "?_popup=1",
        {"name": "Noir", "slug": "noir", "_popup": "1"},
    )
    assert b"popup_response" in response.content


def test_logging_out_works(site: Any) -> None:
    assert site.post(reverse("admin:logout")).status_code == 200
    assert site.get(reverse("admin:index")).status_code == 302


def test_the_history_shows_user_and_change(site: Any, operator: Any, make_rows: Any) -> None:
    make_rows()
    comic = some_row(Comic, operator)

    site.post(url(Comic, "change", comic.pk), {"title": "Renamed"})

    assert LogEntry.objects.get().user_id == operator.pk
    assert "Title" in site.get(url(Comic, "history", comic.pk)).content.decode()


def test_processing_statuses_are_read_only(site: Any, operator: Any, make_rows: Any) -> None:
    make_rows()
    status = some_row(ProcessingStatus, operator)

    assert site.post(url(ProcessingStatus, "change", status.pk), {}).status_code == 403
