"""The list of novels, and one novel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Chapter, Genre, Language, Novel, SearchDocument
from users.models import User

URL = "/api/v1/novels/"


def ids(response: Any) -> list[Any]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


@pytest.fixture
def bob(make_user: Callable[..., User]) -> User:
    return make_user("bob")


def test_the_list_shows_public_novels_newest_first(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    novels = make_novels(3)
    make_novels(2, is_public=False)

    assert ids(api.get(URL)) == [novel.pk for novel in reversed(novels)]


def test_a_card_has_the_members_of_the_contract(
    api: APIClient, make_novels: Callable[..., list[Any]], ann: User
) -> None:
    genre = Genre.objects.get(slug="gothic")
    language = Language.objects.get(code="en")
    (novel,) = make_novels(1, owner=ann, genre=genre, language=language)

    card = api.get(URL).json()["results"][0]

    assert list(card) == [
        *("id", "title", "author", "synopsis", "genre", "language", "visibility"),
        *("word_count", "chapter_count", "owner", "created_at", "updated_at"),
    ]
    assert card["genre"] == "gothic" and card["language"] == "en"
    assert card["visibility"] == "public"
    assert card["owner"] == {"id": ann.pk, "display_name": "Ann"}
    assert api.get(f"{URL}{novel.pk}/").json() == card


def test_the_list_is_the_same_for_everyone(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    ann: User,
) -> None:
    make_novels(2, owner=ann)
    make_novels(2, owner=ann, is_public=False)

    assert as_user(ann).get(URL).json() == api.get(URL).json()


def test_owner_me_lists_exactly_the_callers_own(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User, bob: User
) -> None:
    mine = make_novels(1, owner=ann) + make_novels(1, owner=ann, is_public=False)
    make_novels(2, owner=bob)

    response = as_user(ann).get(f"{URL}?owner=me")

    assert ids(response) == [novel.pk for novel in reversed(mine)]
    assert "private" in response["Cache-Control"]


def test_owner_me_demands_a_login(api: APIClient) -> None:
    assert api.get(f"{URL}?owner=me").status_code == 401


def test_a_cursor_of_ones_own_list_is_invalid_for_another_user(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User, bob: User
) -> None:
    make_novels(3, owner=ann, is_public=False)
    following = as_user(ann).get(f"{URL}?owner=me&page_size=1").json()["next"]

    assert as_user(ann).get(following).status_code == 200
    assert as_user(bob).get(following).status_code == 400


def test_filters_select_novels(
    api: APIClient, make_novels: Callable[..., list[Any]], ann: User
) -> None:
    gothic = Genre.objects.get(slug="gothic")
    german = Language.objects.get(code="de")
    both, only_genre, only_language, other = (
        make_novels(1, genre=gothic, language=german)
        + make_novels(1, genre=gothic, author="Mary")
        + make_novels(1, language=german)
        + make_novels(1, owner=ann)
    )

    assert ids(api.get(f"{URL}?genre=gothic")) == [only_genre.pk, both.pk]
    assert ids(api.get(f"{URL}?language=de&ordering=created_at")) == [both.pk, only_language.pk]
    assert ids(api.get(f"{URL}?genre=gothic&language=de")) == [both.pk]
    assert ids(api.get(f"{URL}?author=Mary")) == [only_genre.pk]
    assert ids(api.get(f"{URL}?owner={ann.pk}")) == [other.pk]


def test_a_filter_by_another_users_id_shows_public_novels_only(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User, bob: User
) -> None:
    (public,) = make_novels(1, owner=ann)
    make_novels(1, owner=ann, is_public=False)

    assert ids(as_user(bob).get(f"{URL}?owner={ann.pk}")) == [public.pk]
    assert ids(as_user(ann).get(f"{URL}?owner={ann.pk}")) == [public.pk]


@pytest.mark.parametrize(
    "ordering", ["created_at", "-created_at", "title", "-title", "word_count", "-word_count"]
)
def test_a_walk_meets_each_novel_once_in_every_ordering(
    api: APIClient, make_novels: Callable[..., list[Any]], ordering: str
) -> None:
    novels = make_novels(7)
    ids_seen, url = [], f"{URL}?ordering={ordering}&page_size=3"
    while url:
        page = api.get(url).json()
        ids_seen += [row["id"] for row in page["results"]]
        url = page["next"]

    expected = [novel.pk for novel in novels]
    assert ids_seen == (expected[::-1] if ordering.startswith("-") else expected)


@pytest.mark.parametrize(
    "query",
    [
        *("genre=nonsense", "genre=", "genre=%00", "language=zz", "owner=x", "owner=-1"),
        *("owner=99999999999999999999", "author=%00", "ordering=owner", "cursor=abc"),
        *("genre=gothic&author=x", "genre=gothic&language=en&ordering=title"),
        *("owner=1&genre=gothic", "page_size=0", "page_size=101"),
    ],
)
def test_a_list_that_cannot_be_served_is_a_bad_request(
    db: None, api: APIClient, query: Any
) -> None:
    response = api.get(f"{URL}?{query}")

    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_lists_and_pages_cost_the_same_however_many_rows(
    api: APIClient, make_novels: Callable[..., list[Any]], assert_flat_queries: Callable[..., None]
) -> None:
    gothic = Genre.objects.get(slug="gothic")
    (novel,) = make_novels(1, genre=gothic)

    def more() -> None:
        make_novels(20, genre=gothic)

    # Page, cards and names, each kept on its own (tests/novels/test_caching.py: warm, none).
    assert_flat_queries(lambda: api.get(URL), more, budget=3)
    assert_flat_queries(lambda: api.get(f"{URL}?genre=gothic"), more, budget=4)
    assert_flat_queries(lambda: api.get(f"{URL}{novel.pk}/"), more, budget=2)


def test_an_unchanged_public_page_is_not_sent_again(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    for url in (URL, f"{URL}{novel.pk}/"):
        first = api.get(url)

        again = api.get(url, headers={"If-None-Match": first["ETag"]})

        assert "public" in first["Cache-Control"]
        assert again.status_code == 304 and again.content == b""


def test_a_private_novel_is_404_for_all_but_its_owner(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    ann: User,
    bob: User,
) -> None:
    (novel,) = make_novels(1, owner=ann, is_public=False)
    url = f"{URL}{novel.pk}/"

    response = as_user(ann).get(url)

    assert response.json()["visibility"] == "private"
    assert "private" in response["Cache-Control"]
    assert api.get(url).status_code == as_user(bob).get(url).status_code == 404
    assert as_user(bob).patch(url, {"title": "Taken"}).status_code == 404
    assert as_user(bob).delete(url).status_code == 404


def test_only_its_owner_changes_a_public_novel(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    ann: User,
    bob: User,
) -> None:
    (novel,) = make_novels(1, owner=ann)
    url = f"{URL}{novel.pk}/"

    for method in ("patch", "delete"):
        for client, status in ((api, 401), (as_user(bob), 403)):
            assert getattr(client, method)(url, {"title": "Taken"}).status_code == status
    assert api.get(url).json()["title"] == novel.title


def test_another_users_novel_is_refused_whatever_the_body(
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    ann: User,
    bob: User,
) -> None:
    (public,) = make_novels(1, owner=ann)
    (private,) = make_novels(1, owner=ann, is_public=False)

    for novel_id, status in ((public.pk, 403), (private.pk, 404), (10**18, 404), (10**30, 404)):
        for body in ({"title": ""}, {"genre": "nonsense"}, ["no object"], {}):
            assert as_user(bob).patch(f"{URL}{novel_id}/", body).status_code == status
    assert as_user(ann).patch(f"{URL}{public.pk}/", {"title": ""}).status_code == 400


def test_its_owner_changes_every_field(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User
) -> None:
    (novel,) = make_novels(1, owner=ann)
    changes = {
        "title": "New",
        "author": "Someone else",
        "synopsis": "It is about…",
        "genre": "horror",
        "language": "fr",
        "visibility": "private",
    }

    response = as_user(ann).patch(f"{URL}{novel.pk}/", changes)

    assert response.status_code == 200
    assert changes.items() <= response.json().items()
    assert as_user(ann).get(f"{URL}{novel.pk}/").json() == response.json()
    cleared = as_user(ann).patch(f"{URL}{novel.pk}/", {"genre": None, "language": None})
    assert cleared.json()["genre"] is None and cleared.json()["language"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": None},
        {"title": "x" * 301},
        {"title": "null\x00"},
        {"title": ["a"]},
        {"genre": "nonsense"},
        {"genre": "gothic\x00"},
        {"genre": {"a": 1}},
        {"language": 7},
        {"visibility": "secret"},
        {"synopsis": "x" * 5001},
        [],
        "text",
    ],
    ids=repr,
)
def test_a_bad_change_is_refused(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User, change: Any
) -> None:
    (novel,) = make_novels(1, owner=ann)

    response = as_user(ann).patch(f"{URL}{novel.pk}/", change)

    assert response.status_code == 400, response.content


def test_read_only_fields_do_not_change(
    as_user: Callable[..., APIClient], make_novels: Callable[..., list[Any]], ann: User, bob: User
) -> None:
    (novel,) = make_novels(1, owner=ann)

    response = as_user(ann).patch(f"{URL}{novel.pk}/", {"owner": bob.pk, "word_count": 5})

    assert response.json()["owner"]["id"] == ann.pk and response.json()["word_count"] == 0


def test_search_follows_a_change(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    ann: User,
) -> None:
    (novel,) = make_novels(1, owner=ann, language=Language.objects.get(code="en"))
    make_chapters(novel, "They were running.")
    search = "/api/v1/search/?q={}&kind={}"

    as_user(ann).patch(f"{URL}{novel.pk}/", {"title": "Albatross", "language": None})

    assert len(ids_of(api.get(search.format("albatross", "novel")))) == 1
    # Without a language, words are found as they are written.
    assert ids_of(api.get(search.format("run", "chapter"))) == []
    as_user(ann).patch(f"{URL}{novel.pk}/", {"language": "en"})
    assert ids_of(api.get(search.format("run", "chapter"))) == [novel.pk]


def ids_of(response: Any) -> list[Any]:
    return [row["novel"] for row in response.json()["results"]]


def test_deleting_a_novel_takes_all_that_belongs_to_it(
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    ann: User,
) -> None:
    novel, other = make_novels(2, owner=ann)
    make_chapters(novel, "text")
    make_chapters(other, "text")

    assert as_user(ann).delete(f"{URL}{novel.pk}/").status_code == 204

    assert as_user(ann).get(f"{URL}{novel.pk}/").status_code == 404
    with write_transaction(as_user=ann.pk):
        assert list(Novel.objects.values_list("pk", flat=True)) == [other.pk]
        assert set(Chapter.objects.values_list("novel_id", flat=True)) == {other.pk}
        assert set(SearchDocument.objects.values_list("novel_id", flat=True)) == {other.pk}


@pytest.mark.parametrize("path", ["0/", "99999999999999999999/", "1/chapters/", "1/status/"])
def test_an_unknown_novel_is_404(db: None, api: APIClient, path: str) -> None:
    assert api.get(URL + path).status_code == 404


def test_options_describe_and_head_has_no_body(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)

    assert api.options(URL).status_code == 200
    assert api.options(f"{URL}{novel.pk}/").status_code == 200
    head = api.head(f"{URL}{novel.pk}/")
    assert head.status_code == 200 and head.content == b""


@pytest.mark.parametrize("field", ["title", "author"])
def test_a_name_with_hidden_characters_is_refused(
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    as_user: Callable[..., APIClient],
    field: str,
) -> None:
    ann = make_user("ann")
    [novel] = make_novels(owner=ann)

    response = as_user(ann).patch(f"/api/v1/novels/{novel.pk}/", {field: "A\u2067 tale"})

    assert response.status_code == 400
    assert response.json()["errors"][field] == ["Remove the invisible characters: U+2067."]


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["genre", "language"])
def test_a_reference_with_a_null_character_is_one_to_no_row(
    as_user: Any, make_novels: Any, field: str
) -> None:
    [novel] = make_novels(1)

    response = as_user(novel.owner).patch(f"/api/v1/novels/{novel.pk}/", {field: "en\x00"})

    assert response.status_code == 400
    assert [each["code"] for each in response.json()["violations"]] == ["does_not_exist"]
