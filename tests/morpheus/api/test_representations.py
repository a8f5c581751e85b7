"""`fields` and `expand`: what responses have, what they cost, how they are cached and refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from time import monotonic
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rest_framework.test import APIClient

from comics.models import Comic, Image, Panel
from morpheus.cache import response_keys, shadow_verification
from morpheus.cache.response_keys import Spellings
from morpheus.db.transactions import write_transaction
from tests.conftest import as_staff
from tests.factories import secret_of
from tests.visitor import Visitor
from users.models import User, belonging_to

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"
PROFILE = {"id", "display_name", "bio", "date_joined", "novels_url", "comics_url"}


@pytest.fixture
def rows(
    make_user: Callable[..., User],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> Any:
    """A novel of three chapters and a comic of one panel, public and of one owner."""
    ann = make_user("ann", bio="Writes.")
    (novel,) = make_novels(1, owner=ann)
    make_chapters(novel, "One.", "Two.", "Three.")
    with write_transaction(as_user=ann.pk):
        image = Image.objects.create(
            digest="0" * 64, media_type="image/png", width=1, height=1, size_bytes=1
        )
        comic = Comic.objects.create(title="Comic", owner=ann, is_public=True, novel=novel)
        panel = Panel.objects.create(comic=comic, number=1, image=image, **belonging_to(comic))
    urls = {
        "novels": f"{API}/novels/",
        "novel": f"{API}/novels/{novel.pk}/",
        "chapters": f"{API}/novels/{novel.pk}/chapters/",
        "chapter": f"{API}/novels/{novel.pk}/chapters/1/",
        "comics": f"{API}/comics/",
        "comic": f"{API}/comics/{comic.pk}/",
        "panels": f"{API}/comics/{comic.pk}/panels/",
        "panel": f"{API}/comics/{comic.pk}/panels/{panel.pk}/",
        "user": f"{API}/users/{ann.pk}/",
    }
    return SimpleNamespace(ann=ann, novel=novel, comic=comic, urls=urls)


URLS = ("novels", "novel", "chapters", "chapter", "comics", "comic", "panels", "panel", "user")


def first(body: Any) -> Any:
    """Return the row of a detail, or the first one of a list."""
    return body["results"][0] if "results" in body else body


def violation(response: Any) -> tuple[str, str, str]:
    """Return parameter, code and message of the only violation."""
    assert response.status_code == 400, response.content
    [only] = response.json()["violations"]
    return only["parameter"], only["code"], only["detail"]


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize("is_cached", [True, False])
def test_a_response_has_the_fields_alone_in_the_order_of_the_whole(
    api: APIClient, rows: Any, settings: Any, name: str, is_cached: bool
) -> None:
    settings.MORPHEUS_CACHE = is_cached
    url = rows.urls[name]
    whole = first(api.get(url).json())
    wanted = [*whole][:2] + [*whole][-1:]

    for _ in range(2):
        partial = first(api.get(f"{url}?fields={','.join(reversed(wanted))}").json())
        assert list(partial.items()) == [(field, whole[field]) for field in wanted]


def test_an_unknown_name_is_refused_with_the_nearest_one_before_any_look_up(
    api: APIClient, rows: Any, django_assert_num_queries: Any
) -> None:
    url = rows.urls["novel"]
    for text, message in {
        "id,titel": "Unknown name. Did you mean `title`?",
        "owner.id": "Unknown name. Did you mean `owner`?",
        "id, title": "Unknown name. Did you mean `title`?",
    }.items():
        with django_assert_num_queries(0):
            assert violation(api.get(f"{url}?fields={text}")) == ("fields", "unknown_name", message)
    # `owner` is a field and an expansion.
    for name in (url, rows.urls["novels"]):
        _, _, message = violation(api.get(f"{name}?fields=qqqq"))
        assert message.startswith("Unknown name. Known are `id`") and message.count("`owner`") == 1
    for text in ("", ",", "id,", ",".join(["id"] * 50), "x" * 4000):
        with django_assert_num_queries(0):
            parameter, code, _ = violation(api.get(f"{url}?fields={text}"))
        assert parameter == "fields" and code in ("unknown_name", "repeated")
    with django_assert_num_queries(0):
        assert violation(api.get(f"{url}?expand=ovner")) == (
            *("expand", "unknown_name"),
            "Unknown name. Did you mean `owner`?",
        )
    # Declared for a route, not for all.
    assert violation(api.get(f"{rows.urls['novels']}?expand=chapters"))[:2] == (
        *("expand", "unknown_name"),
    )
    assert violation(api.get(f"{rows.urls['chapters']}?expand=owner"))[:2] == (
        *("expand", "unknown_parameter"),
    )


@pytest.mark.parametrize(
    "query, parameter, code",
    [
        ("fields=id&expand=owner", "expand", "left_out"),
        ("fields=id,chapters", "fields", "not_expanded"),
        ("expand=owner,owner", "expand", "repeated"),
        ("fields=id,id", "fields", "repeated"),
    ],
)
def test_contradictions_are_refused(
    api: APIClient, rows: Any, query: str, parameter: str, code: str
) -> None:
    assert violation(api.get(f"{rows.urls['novel']}?{query}"))[:2] == (parameter, code)


def test_writes_take_neither(as_user: Callable[..., APIClient], rows: Any) -> None:
    client = as_user(rows.ann)

    response = client.patch(f"{rows.urls['novel']}?fields=id", {"title": "New"}, format="json")

    assert violation(response)[:2] == ("fields", "unknown_parameter")


def test_all_spellings_have_one_stored_response_with_an_etag_of_its_own(
    visitor: Visitor, rows: Any
) -> None:
    url = rows.urls["novels"]
    whole = visitor.get(url)
    names = permutations(("id", "title", "owner"))

    responses = [visitor.get(f"{url}?fields={','.join(each)}&page_size=1") for each in names]

    assert [each.was_cached for each in responses] == [False] + [True] * 5
    assert len({each.body for each in responses}) == 1
    assert responses[0].headers["ETag"] != whole.headers["ETag"]
    assert responses[0].headers["Vary"] == whole.headers["Vary"]
    # A repeated name is refused, whether or not the response without it is stored.
    assert visitor.get(f"{url}?fields=id,title,owner,id&page_size=1").status == 400


def test_a_process_stores_the_responses_of_a_few_representations(
    visitor: Visitor, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_keys, "representations", Spellings(2))
    url = rows.urls["novel"]

    def is_cached(query: str) -> bool:
        assert visitor.get(f"{url}?{query}").status == 200
        return visitor.get(f"{url}?{query}").was_cached

    assert [is_cached(f"fields={each}") for each in ("id", "title", "author")] == [
        True,
        True,
        False,
    ]
    assert is_cached("fields=id") and visitor.get(url).status == 200
    now = monotonic()
    monkeypatch.setattr(response_keys, "monotonic", lambda: now + 301)
    assert is_cached("fields=author")


def test_the_parts_are_cached_whole_for_all_representations(visitor: Visitor, rows: Any) -> None:
    for name in ("novels", "comics"):
        assert visitor.get(rows.urls[name]).queries
        assert visitor.get(f"{rows.urls[name]}?fields=id,created_at").queries == []


def test_links_keep_the_representation_in_one_spelling(
    api: APIClient, rows: Any, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(3)
    url = f"{rows.urls['novels']}?page_size=1&expand=owner&fields=owner,title,id"

    body = api.get(url).json()
    params = parse_qs(urlsplit(body["next"]).query)
    following = api.get(body["next"]).json()

    assert (params["fields"], params["expand"]) == (["id,title,owner"], ["owner"])
    assert [*following["results"][0]] == ["id", "title", "owner"]
    # A cursor is valid for every representation.
    plain = api.get(f"{rows.urls['novels']}?page_size=1&cursor={params['cursor'][0]}").json()
    assert plain["results"][0]["id"] == following["results"][0]["id"]


@pytest.mark.parametrize("name", ["novels", "novel", "comics", "comic"])
def test_the_owner_s_profile_is_that_of_its_route(api: APIClient, rows: Any, name: str) -> None:
    profile = api.get(rows.urls["user"]).json()

    row = first(api.get(f"{rows.urls[name]}?expand=owner").json())

    assert row["owner"] == profile and profile.keys() == PROFILE
    assert first(api.get(rows.urls[name]).json())["owner"].keys() == {"id", "display_name"}


@pytest.mark.parametrize("is_cached", [True, False])
def test_an_expanded_list_costs_one_statement_more_however_many_owners(
    visitor: Visitor,
    rows: Any,
    make_user: Callable[..., User],
    make_novels: Callable[..., list[Any]],
    settings: Any,
    is_cached: bool,
) -> None:
    settings.MORPHEUS_CACHE = is_cached
    url = rows.urls["novels"]
    counts = []
    for owners in (1, 9):
        for _ in range(owners):
            make_novels(2, owner=make_user())
        plain, expanded = visitor.get(url), visitor.get(f"{url}?expand=owner")
        counts.append(len(expanded.queries) + (len(plain.queries) if is_cached else 0))
        assert all(row["owner"].keys() == PROFILE for row in expanded.json()["results"])
        warm = visitor.get(f"{url}?expand=owner")
        assert warm.was_cached is is_cached

    # Without the cache, one for the rows and one for the profiles.
    assert counts == ([4, 4] if is_cached else [2, 2])


def test_an_inactive_owner_stays_short(api: APIClient, rows: Any) -> None:
    with as_staff():
        User.objects.filter(pk=rows.ann.pk).update(is_active=False)

    row = api.get(f"{rows.urls['novel']}?expand=owner").json()

    assert row["owner"] == {"id": rows.ann.pk, "display_name": "Ann"}


def test_chapters_are_the_first_ones_of_their_list(
    visitor: Visitor, rows: Any, make_chapters: Callable[..., list[Any]]
) -> None:
    make_chapters(rows.novel, *["More."] * 30)
    listed = visitor.get(rows.urls["chapters"]).json()["results"]

    cold = visitor.get(f"{rows.urls['novel']}?expand=owner,chapters")

    assert len(listed) == 20 and cold.json()["chapters"] == listed
    # Card and name, which authenticate nothing, then chapters and profile.
    assert len(cold.queries) <= 4
    warm = visitor.get(f"{rows.urls['novel']}?expand=chapters,owner")
    assert warm.was_cached and warm.body == cold.body


def test_a_change_of_an_expanded_object_invalidates_the_response(
    visitor: Visitor, rows: Any, make_chapters: Callable[..., list[Any]]
) -> None:
    url = f"{rows.urls['novel']}?expand=owner,chapters&fields=owner,chapters"
    before = visitor.get(url).json()
    assert visitor.get(url).was_cached

    with write_transaction(as_user=rows.ann.pk):
        rows.ann.display_name, rows.ann.bio = "Anne", "Writes more."
        rows.ann.save(update_fields=["display_name", "bio"])
    renamed = visitor.get(url)
    make_chapters(rows.novel, "Four.")
    longer = visitor.get(url)

    assert not renamed.was_cached and not longer.was_cached
    assert renamed.json()["owner"] == before["owner"] | {
        "display_name": "Anne",
        "bio": "Writes more.",
    }
    assert len(longer.json()["chapters"]) == len(before["chapters"]) + 1


def test_the_chapters_of_a_private_novel_are_its_owner_s(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., User],
    visitor: Visitor,
    rows: Any,
) -> None:
    with as_staff():
        type(rows.novel).objects.filter(pk=rows.novel.pk).update(is_public=False)
    url = f"{rows.urls['novel']}?expand=chapters"
    token = f"Bearer {secret_of(as_user(rows.ann))}"
    foreign = f"Bearer {secret_of(as_user(make_user()))}"

    for _ in range(2):
        own = visitor.get(url, HTTP_AUTHORIZATION=token)
        assert len(own.json()["chapters"]) == 3
        assert own.headers["Cache-Control"].startswith("private")
        assert visitor.get(url).status == 404
        assert visitor.get(url, HTTP_AUTHORIZATION=foreign).status == 404


def test_stored_representations_pass_shadow_verification(
    visitor: Visitor, rows: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 0
    url = rows.urls["novels"]
    visitor.get(f"{url}?fields=title,id")
    hits: list[Any] = []
    for module in ("response_cache", "batch_read"):
        monkeypatch.setattr(f"morpheus.cache.{module}.sample", lambda build: hits.append(build()))

    assert visitor.get(f"{url}?fields=id,title").was_cached

    assert [shadow_verification.verify(each) for each in hits] == [{"same": 1}]
