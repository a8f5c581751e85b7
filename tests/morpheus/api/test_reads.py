"""Reads show what their serializers show of model instances, and what the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import override_settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from rest_framework.test import APIClient

from comics.models import Comic, Panel
from comics.reading.models import Progress
from comics.reads.comics import image_version
from comics.serializers import ComicSerializer
from morpheus.api.reads import Scope
from morpheus.db.transactions import write_transaction
from morpheus.http.rendering import JSONRenderer
from novels.models import Chapter, Genre, Language, Novel, ProcessingStatus
from novels.serializers import ChapterTextSerializer, NovelSerializer, StatusSerializer
from perf.monitoring.list_routes import (
    Combination,
    Route,
    list_api_routes,
    list_combinations_of,
)
from tests.comics.conftest import add_panel, make_comics, make_picture

__all__ = ["add_panel", "make_comics", "make_picture"]

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"
HOST = "http://testserver"


@pytest.fixture
def rows(
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
) -> SimpleNamespace:
    """Rows of two owners, public and private, with and without what may be absent."""
    ann, bob = make_user("ann"), make_user("bob")
    genre, language = Genre.objects.get(slug="gothic"), Language.objects.get(code="en")
    named = {"genre": genre, "language": language, "author": "Ann \u2028 “quoted”"}
    novels = make_novels(3, owner=ann, synopsis="<b>Old</b>\n", **named)
    novels += make_novels(1, owner=ann, is_public=False, title="A private novel")
    make_novels(2, owner=bob, genre=genre)
    for novel in (novels[0], novels[-1]):
        make_chapters(novel, "One text.", "Two texts.", "Three.")
    warnings = [{"code": "words_lost", "detail": "Two words were lost."}]
    with write_transaction(as_user=ann.pk):
        ProcessingStatus.objects.filter(pk=novels[0].pk).update(warnings=warnings, message="Why.")
    comics = make_comics(2, owner=ann, novel=novels[0])
    comics += make_comics(1, owner=ann, novel=novels[-1])
    comics += make_comics(1, owner=ann, is_public=False, novel=novels[-1])
    comics += make_comics(2, owner=bob)
    for comic in (comics[0], comics[3]):
        for number in range(3):
            add_panel(comic, caption=f"Caption {number}")
    read_at = datetime(2026, 1, 1, tzinfo=UTC)
    with write_transaction(as_user=ann.pk):
        for work in (novels[0], comics[3], novels[-1], comics[0]):
            named = {work._meta.model_name: work}
            Progress.objects.create(user=ann, number=2, position=0.1, read_at=read_at, **named)
    return SimpleNamespace(ann=ann, bob=bob, novels=novels, comics=comics)


@pytest.fixture
def assert_described(client: Any) -> Callable[[str, Any], None]:
    """Check a response to a route's GET against the OpenAPI document."""
    document = client.get(f"{API}/schema/", headers={"Accept": "application/json"}).json()

    def check(path: str, response: Any) -> None:
        described = document["paths"][f"{API}{path}"]["get"]["responses"]["200"]
        schema = described["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": document["components"]})
        assert [error.message for error in validator.iter_errors(response.json())] == []

    return check


def prepare(instance: Any, reader_id: int | None) -> Any:
    """Return an instance with what views add for a reader: URLs, and a novel that they can see."""
    if isinstance(instance, Panel):
        url = f"{HOST}{API}/comics/{instance.comic_id}/panels/{instance.number}/image/"
        instance.__dict__["image_url"] = f"{url}?v={image_version(instance.image.digest)}"
    if isinstance(instance, Comic):
        version = instance.cover and image_version(instance.cover.digest)
        url = f"{HOST}{API}/comics/{instance.pk}/thumbnail/?size=medium&v={version}"
        instance.__dict__["thumbnail_url"] = version and url
        novel = instance.novel
        if novel is not None and not novel.is_public and novel.owner_id != reader_id:
            instance.novel = None
    if isinstance(instance, Progress) and instance.comic is not None:
        prepare(instance.comic, reader_id)
    return instance


def show(serializer: Any, load: Callable[[], Iterable[Any]], reader_id: int | None) -> list[Any]:
    """Return what a serializer shows of the instances that `load` returns."""
    with write_transaction(as_staff=True):
        instances = [prepare(instance, reader_id) for instance in load()]
        return [serializer(instance).data for instance in instances]


def assert_shown(client: APIClient, url: str, expected: Any) -> Any:
    """Check the response, apart from the links of a page, in each state of the cache."""
    with override_settings(MORPHEUS_CACHE=False):
        responses = [client.get(url)]
    responses += [client.get(url), client.get(url)]  # The cache is cold, then warm.
    assert [response.status_code for response in responses] == [200] * 3
    body = responses[0].json()
    links = {name: body[name] for name in ("next", "previous")} if "results" in body else {}
    whole = {**links, "results": expected} if links else expected
    text = JSONRenderer().render(whole, "application/json")
    assert [response.content for response in responses] == [text] * 3
    assert len({response["Cache-Control"] for response in responses}) == 1
    return responses[0]


VALUES: dict[str, Callable[[SimpleNamespace], Any]] = {
    "genre": lambda rows: "gothic",
    "language": lambda rows: "en",
    "author": lambda rows: rows.novels[0].author,
    "owner": lambda rows: rows.ann.pk,
    "novel": lambda rows: rows.novels[0].pk,
}


def list_parents(combination: Combination, rows: SimpleNamespace, reader_id: int | None) -> Any:
    """Return the parents of a list that a reader can see; 0 for a list without one."""
    named = {"novel_id": (rows.novels[0], rows.novels[-1]), "comic_id": rows.comics[0:4:3]}
    return [
        parent.pk
        for parameter in combination.route.parameters
        for parent in named[parameter]
        if parent.is_public or reader_id is not None
    ] or [0]


LISTS = [route for route in list_api_routes() if route.lists_rows]


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
def test_each_page_of_each_list_is_what_its_serializer_shows(
    route: Route,
    rows: SimpleNamespace,
    api: APIClient,
    as_user: Callable[..., APIClient],
    assert_described: Callable[[str, Any], None],
) -> None:
    clients = {None: api, rows.ann.pk: as_user(rows.ann)}
    for combination in list_combinations_of(route):
        is_own = combination.is_own
        for reader_id in [*clients][is_own:]:
            for parent_id in list_parents(combination, rows, reader_id):
                scope = Scope(reader_id if is_own else None, parent_id)
                url, expected = show_list(combination, scope, rows)
                for page in expected:
                    response = assert_shown(clients[reader_id], url, page)
                    assert_described(route.path, response)
                    url = response.json()["next"]
                assert url is None


def show_list(
    combination: Combination, scope: Scope, rows: SimpleNamespace
) -> tuple[str, list[list[Any]]]:
    """Return the URL of a list, and what its serializer shows on its pages of two rows."""
    route, read = combination.route, combination.route.read
    query = {name: own or str(VALUES[name](rows)) for name, own in combination.filters.items()}

    def load() -> Any:
        selected = read.rows(scope)
        for name, value in read.parse_filters(query).items():
            selected = read.filters[name].narrow_rows(selected, value)
        return selected.order_by(*combination.columns)

    shown = show(route.view.serializer_class, load, scope.reader_id)
    assert len(shown) > 1
    params = urlencode({**query, "ordering": combination.ordering, "page_size": 2})
    url = f"{route.url(dict.fromkeys(route.parameters, scope.parent_id))}?{params}"
    return url, [shown[first : first + 2] for first in range(0, len(shown), 2)]


SINGLE: dict[str, tuple[Any, Callable[[SimpleNamespace], Any], Callable[[Any], dict[str, Any]]]] = {
    "/novels/{novel_id}/": (
        NovelSerializer,
        lambda rows: Novel.objects.all(),
        lambda novel: {"novel_id": novel.pk},
    ),
    "/novels/{novel_id}/status/": (
        StatusSerializer,
        lambda rows: ProcessingStatus.objects.all(),
        lambda status: {"novel_id": status.pk},
    ),
    "/novels/{novel_id}/chapters/{number}/": (
        ChapterTextSerializer,
        lambda rows: Chapter.objects.all(),
        lambda chapter: {"novel_id": chapter.novel_id, "number": chapter.number},
    ),
    "/comics/{comic_id}/": (
        ComicSerializer,
        lambda rows: Comic.objects.all(),
        lambda comic: {"comic_id": comic.pk},
    ),
}


@pytest.mark.parametrize("path", SINGLE)
def test_each_single_read_is_what_its_serializer_shows(
    path: str,
    rows: SimpleNamespace,
    api: APIClient,
    as_user: Callable[..., APIClient],
    assert_described: Callable[[str, Any], None],
) -> None:
    serializer, load, parameters = SINGLE[path]
    with write_transaction(as_staff=True):
        instances = list(load(rows))
    assert {instance.is_public for instance in instances} == {True, False}
    for client, reader_id in (
        (api, None),
        (as_user(rows.ann), rows.ann.pk),
        (as_user(rows.bob), rows.bob.pk),
    ):
        for instance in instances:
            url = f"{API}{path.format(**parameters(instance))}"
            if instance.is_public or instance.owner_id == reader_id:
                same = type(instance).objects.filter(pk=instance.pk)
                [expected] = show(serializer, same.all, reader_id)
                assert_described(path, assert_shown(client, url, expected))
            else:
                assert client.get(url).status_code == 404


def test_no_read_is_left_out() -> None:
    """Files, search, pages of the caller alone and the document have tests of their own."""
    paths = {route.path for route in list_api_routes() if hasattr(route.view, "get")}

    assert paths - {route.path for route in LISTS} - SINGLE.keys() == {
        *("/comics/{comic_id}/panels/{number}/image/", "/comics/{comic_id}/thumbnail/"),
        *("/users/me/", "/users/me/dashboard/", "/search/"),
        *("/users/{user_id}/", "/genres/", "/languages/"),
        *("/users/me/tokens/", "/users/me/exports/{export_id}/"),
        "/users/me/exports/{export_id}/file/",
        "/comics/{comic_id}/panels/{panel_id}/",
        *("/novels/{novel_id}/progress/", "/comics/{comic_id}/progress/"),
        *("/perf/requests/", "/perf/requests/{identifier}/", "/perf/schema/", "/schema/"),
        "/docs/",
        *("/problems/", "/problems/{code}/"),
    }
