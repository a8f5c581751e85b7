"""`manage.py check` refuses lists that no index serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.urls import include, path
from pytest_django import DjangoDbBlocker, Settings
from rest_framework.mixins import ListModelMixin
from rest_framework.views import APIView

from comics.models import Comic, Panel
from comics.reads.comics import COMICS
from comics.views.comics import ComicListView
from comics.views.panels import PanelListView
from morpheus.api.reads import ListFilter
from morpheus.api.views import MorpheusAPIView
from novels.reads import NOVELS
from novels.views.novels import NovelListView
from perf.monitoring.list_indexes import lists_are_served_by_indexes

Check = Callable[..., list[tuple[Any, ...]]]


class UrlConf:
    """A URL configuration that has one list."""

    def __init__(self, route: str, view: type[APIView]) -> None:
        lists = [path(route, view.as_view())]
        self.urlpatterns = [path("api/v1/", include(lists))]


@pytest.fixture
def check_view(settings: Settings) -> Check:
    def check(view: type[APIView], route: str = "things/") -> list[tuple[Any, ...]]:
        settings.ROOT_URLCONF = UrlConf(route, view)
        return [(error.id, error.msg, error.hint) for error in lists_are_served_by_indexes(None)]

    return check


def test_the_api_has_an_index_for_every_list() -> None:
    assert lists_are_served_by_indexes(None) == []


def test_a_new_ordering_without_an_index_stops_every_command(settings: Settings) -> None:
    class Longest(ComicListView):
        read = replace(
            COMICS, orderings={**COMICS.orderings, "-panel_count": ("-panel_count", "-id")}
        )

    settings.ROOT_URLCONF = UrlConf("comics/", Longest)

    with pytest.raises(SystemCheckError) as refused:
        call_command("check")
    assert "/comics/ ordering=-panel_count filter=– has no index." in str(refused.value)
    assert (
        'Add to Comic.Meta.indexes: models.Index(fields=["panel_count", "id"], '
        'name="comics_comic_panel_count_idx", condition=Q(is_public=True))'
    ) in str(refused.value)


def test_a_list_of_ones_own_needs_an_index_of_all_rows(check_view: Check) -> None:
    class Longest(ComicListView):
        read = replace(COMICS, orderings={"-panel_count": ("-panel_count", "-id")})

    hints = [hint for _, msg, hint in check_view(Longest) if "owner=me" in msg]

    assert len(hints) == 1
    assert 'fields=["owner", "panel_count", "id"]' in hints[0]
    assert "condition" not in hints[0]


def test_an_index_of_all_rows_does_not_serve_a_list_of_public_ones(
    check_view: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would read private rows and drop them."""
    kept = [index for index in Comic._meta.indexes if "comic_owner_newest" not in index.name]
    monkeypatch.setattr(Comic._meta, "indexes", kept)

    messages = check_view(ComicListView)

    assert {msg for _, msg, _ in messages} == {
        "/things/ ordering=-created_at filter=owner=… has no index.",
        "/things/ ordering=created_at filter=owner=… has no index.",
    }


def test_an_ordering_must_end_in_a_unique_column(check_view: Check) -> None:
    class NotUnique(ComicListView):
        read = replace(COMICS, orderings={"title": ("title",)}, filters={})

    ((code, _, hint),) = check_view(NotUnique)

    assert (code, hint) == ("perf.E003", 'End it in "id".')


def test_a_unique_constraint_ends_an_ordering(check_view: Check) -> None:
    assert check_view(PanelListView, "comics/<int:comic_id>/panels/") == []


def test_a_filter_must_compare_the_column_that_it_declares(check_view: Check) -> None:
    class OtherColumn(NovelListView):
        synopsis = ListFilter(
            column="synopsis", description="", narrow=lambda queryset, value: queryset
        )
        read = replace(NOVELS, filters={"synopsis": synopsis}, filter_pairs=())

    messages = check_view(OtherColumn)

    assert {code for code, _, _ in messages} == {"perf.E002"}


def test_a_list_must_declare_its_orderings(check_view: Check) -> None:
    class Plain(ListModelMixin, MorpheusAPIView):
        queryset = Panel.objects.all()

    ((code, msg, _),) = check_view(Plain)

    assert (code, msg) == ("perf.E001", "/things/ lists rows in no declared ordering.")


def test_mixed_directions_need_an_index_of_the_same_mixture(check_view: Check) -> None:
    class Mixed(ComicListView):
        read = replace(COMICS, orderings={"-created_at": ("-created_at", "id")}, filters={})

    ((code, _, hint),) = check_view(Mixed)

    assert code == "perf.E004"
    assert 'fields=["-created_at", "id"]' in hint


def test_the_check_reads_no_database(django_db_blocker: DjangoDbBlocker) -> None:
    """Every command runs it, also where there is no database yet."""
    with django_db_blocker.block():
        assert [messages for messages in run_checks() if not messages.is_silenced()] == []
