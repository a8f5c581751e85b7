"""GET /search/."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Genre, Language, Novel
from novels.search import query

URL = "/api/v1/search/"


@pytest.fixture
def english(db: None) -> Any:
    return Language.objects.get(code="en")


def search(client: APIClient, query: str, **filters: Any) -> Any:
    response = client.get(URL, {"q": query, **filters})
    assert response.status_code == 200, response.content
    return response.json()["results"]


def titles(client: APIClient, query: str, **filters: Any) -> list[Any]:
    return [row["title"] for row in search(client, query, **filters)]


def test_a_chapter_is_found_with_a_snippet(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    (novel,) = make_novels(1, title="Alice", language=english)
    make_chapters(
        novel, "She fell.", "It ran down the rabbit-hole.", titles=["The fall", "The race"]
    )

    (row,) = search(api, '"down the rabbit-hole"')

    rank = row.pop("rank")
    assert 0 < rank <= 1
    assert row == {
        "kind": "chapter",
        "novel": novel.pk,
        "novel_title": "Alice",
        "chapter": 2,
        "title": "The race",
        "snippet": "down the <mark>rabbit</mark>-<mark>hole</mark>",
    }


def test_a_novel_is_found_by_title_author_and_synopsis(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1, title="Alice", author="Carroll", synopsis="About a looking-glass.")
    make_chapters(novel, "Nothing.")

    for words in ("alice", "carroll", "glass"):
        (row,) = search(api, words)
        assert (row["kind"], row["novel"], row["chapter"]) == ("novel", novel.pk, None)
        assert row["title"] == "Alice" and "<mark>" in row["snippet"]


def test_the_best_comes_first(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    (novel,) = make_novels(1, language=english)
    make_chapters(
        novel,
        "A whale.",
        "Nothing of it here.",
        "The whale saw a whale, and that whale was a whale.",
        titles=["Little", "The whale", "Much"],
    )

    rows = search(api, "whale")

    assert [row["title"] for row in rows] == ["The whale", "Much", "Little"]
    assert [row["rank"] for row in rows] == sorted((row["rank"] for row in rows), reverse=True)


def test_quotes_or_and_minus_work(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    (novel,) = make_novels(1, language=english)
    make_chapters(novel, "red fox", "red hen", "fox red", "hens", titles=["1", "2", "3", "4"])

    assert set(titles(api, "red fox")) == {"1", "3"}
    assert set(titles(api, '"red fox"')) == {"1"}
    assert set(titles(api, "fox or hen")) == {"1", "2", "3", "4"}
    assert set(titles(api, "red -fox")) == {"2"}
    assert search(api, "red -fox")[0]["rank"] > 0.01


def test_minus_excludes_what_the_texts_language_means(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    """Another language's reading of `-dogs` must not let "dog" pass."""
    (novel,) = make_novels(1, language=english)
    make_chapters(novel, "a fog and a dog", "fog")

    assert titles(api, "fog -dogs") == ["Chapter 2"]


def test_each_text_is_read_in_its_own_language(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    german = Language.objects.get(code="de")
    unknown, in_english, in_german = (
        make_novels(1)[0],
        make_novels(1, language=english)[0],
        make_novels(1, language=german)[0],
    )
    make_chapters(unknown, "running and Häuser")
    make_chapters(in_english, "running")
    make_chapters(in_german, "Häuser")

    assert [row["novel"] for row in search(api, "runs")] == [in_english.pk]
    assert {row["novel"] for row in search(api, "running")} == {unknown.pk, in_english.pk}
    assert [row["novel"] for row in search(api, "Haus")] == [in_german.pk]
    assert "<mark>Häuser</mark>" in search(api, "Haus")[0]["snippet"]


def test_a_mistyped_text_search_configuration_breaks_nothing(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    language = Language.objects.create(code="xx", name="X", search_config="no such")
    (novel,) = make_novels(1, language=language)
    make_chapters(novel, "whale")

    assert len(search(api, "whale")) == 1


def test_filters_combine(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    gothic = Genre.objects.get(slug="gothic")
    first, second, third = (
        make_novels(1, title="whale", genre=gothic, language=english)[0],
        make_novels(1, title="whale", genre=gothic)[0],
        make_novels(1, title="whale", language=english)[0],
    )
    for novel in (first, second, third):
        make_chapters(novel, "whale")

    def novels(**filters: Any) -> set[Any]:
        return {(row["novel"], row["kind"]) for row in search(api, "whale", **filters)}

    every = {(novel.pk, kind) for novel in (first, second, third) for kind in ("novel", "chapter")}
    assert novels() == every
    assert novels(kind="novel") == {(novel.pk, "novel") for novel in (first, second, third)}
    assert {pk for pk, _ in novels(genre="gothic")} == {first.pk, second.pk}
    assert {pk for pk, _ in novels(language="en")} == {first.pk, third.pk}
    assert novels(kind="chapter", genre="gothic", language="en") == {(first.pk, "chapter")}


def test_private_texts_are_found_by_their_owner_alone(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    (novel,) = make_novels(1, owner=ann, is_public=False, title="Secret whale")
    make_chapters(novel, "The whale is secret.")
    make_chapters(make_novels(1, owner=bob)[0], "A public whale.")

    assert {row["novel"] for row in search(as_user(ann), "secret", scope="mine")} == {novel.pk}
    assert len(search(as_user(ann), "whale", scope="mine")) == 2
    assert search(as_user(ann), "secret") == []
    for client in (api, as_user(bob)):
        assert novel.pk not in {row["novel"] for row in search(client, "whale")}
    assert "Secret whale" not in titles(as_user(bob), "whale", scope="mine")


def test_a_search_does_not_find_withdrawn_novels(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "whale")
    assert search(api, "whale")

    with write_transaction(as_user=novel.owner_id):
        Novel.objects.update(is_public=False)

    assert search(api, "whale") == []


def test_a_search_of_ones_own_novels_demands_a_login_and_is_private(
    api: APIClient, as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    assert api.get(URL, {"q": "x", "scope": "mine"}).status_code == 401
    mine = as_user(make_user()).get(URL, {"q": "x", "scope": "mine"})
    assert "private" in mine["Cache-Control"]
    assert "public" in api.get(URL, {"q": "x"})["Cache-Control"]


def test_a_walk_meets_each_result_once_and_goes_back(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    # Equal ranks: the ids must break the ties.
    make_chapters(novel, *["whale"] * 8, *["whale whale"] * 3)

    pages, url = [], f"{URL}?q=whale&page_size=3"
    while url:
        page = api.get(url).json()
        pages.append([row["chapter"] for row in page["results"]])
        url = page["next"]
    back = [pages[-1]]
    while url := page["previous"]:
        page = api.get(url).json()
        back.insert(0, [row["chapter"] for row in page["results"]])

    assert sum(pages, []) == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert back == pages


def test_a_cursor_belongs_to_one_search_of_one_caller(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> None:
    ann = make_user("ann")
    (novel,) = make_novels(1, owner=ann)
    make_chapters(novel, "whale", "whale")
    public = api.get(f"{URL}?q=whale&page_size=1").json()["next"]
    mine = as_user(ann).get(f"{URL}?q=whale&page_size=1&scope=mine").json()["next"]

    assert api.get(public.replace("q=whale", "q=fox")).status_code == 400
    assert as_user(ann).get(mine).status_code == 200
    assert as_user(make_user("bob")).get(mine).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": ""},
        {"q": "  "},
        {"q": "x" * 201},
        {"q": "a\x00b"},
        {"q": "a", "genre": "nonsense"},
        {"q": "a", "genre": "\x00"},
        {"q": "a", "language": "zz"},
        {"q": "a", "kind": "comic"},
        {"q": "a", "scope": "theirs"},
        {"q": "a", "cursor": "abc"},
        {"q": "a", "page_size": "1000"},
        {"q": "a", "ordering": "title"},
    ],
    ids=repr,
)
def test_an_invalid_search_is_refused(db: None, api: APIClient, query: dict[str, Any]) -> None:
    response = api.get(URL, query)

    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["-whale", "-a -b", "fox or -whale", '"', "'", "!!&|():*", "\\", "<->", "%", "--", "…"]
)
def test_a_search_without_a_required_word_finds_nothing(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    query: str,
) -> None:
    make_chapters(make_novels(1)[0], "whale")

    assert search(api, query) == []


def test_a_snippet_holds_no_mark_up_of_the_text(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1, title="whale <script>alert(1)</script>")
    make_chapters(novel, "a < whale & \x02b\x03 <img src=x onerror=alert(1)> <mark>q</mark>")

    for row in search(api, "whale"):
        plain = row["snippet"].replace("<mark>whale</mark>", "")
        assert "<" not in plain and ">" not in plain and "\x02" not in plain
        assert row["snippet"].count("<mark>whale</mark>") == 1


def test_a_search_costs_the_same_however_many_matches_there_are(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    assert_flat_queries: Callable[..., None],
) -> None:
    (novel,) = make_novels(1, genre=Genre.objects.get(slug="gothic"))
    make_chapters(novel, "whale")

    def more() -> None:
        for other in make_novels(3, genre=Genre.objects.get(slug="gothic")):
            make_chapters(other, *["whale"] * 4)

    # Text search configurations, candidates, cards and snippets; none when warm (test_warm.py).
    assert_flat_queries(lambda: api.get(URL, {"q": "whale"}), more, budget=4)
    assert_flat_queries(lambda: api.get(URL, {"q": "whale", "genre": "gothic"}), more, budget=5)


def snippet(client: APIClient, query: str) -> Any:
    return next(row["snippet"] for row in search(client, query) if row["kind"] == "chapter")


PROSE = "It was the best of times, it was the worst of times. "


@pytest.mark.parametrize("at", [0, 1_300, 20_000, 49_000])
def test_a_snippet_shows_the_match_wherever_it_stands(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
    at: int,
) -> None:
    make_chapters(
        make_novels(1, language=english)[0], (PROSE * 1000)[:at] + " a harbour " + PROSE * 100
    )

    assert "<mark>harbour</mark>" in snippet(api, "harbours")


def test_a_snippet_shows_words_that_stand_far_apart(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    text = f"{PROSE * 60} A harbour. {PROSE * 60} A whale. {PROSE * 60}"
    make_chapters(make_novels(1, language=english)[0], text)

    excerpt = snippet(api, "whale harbour")

    assert "<mark>harbour</mark>" in excerpt and "<mark>whale</mark>" in excerpt
    assert " … " in excerpt


def test_a_snippet_prefers_the_place_of_all_words(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    english: Any,
) -> None:
    text = f"A whale. {PROSE * 60} A harbour. {PROSE * 60} The old whale of the harbour sang."
    make_chapters(make_novels(1, language=english)[0], text)

    assert "old <mark>whale</mark> of the <mark>harbour</mark> sang" in snippet(
        api, "harbour whale"
    )
    assert "<mark>whale</mark> of the <mark>harbour</mark>" in snippet(
        api, '"whale of the harbour"'
    )


@pytest.mark.parametrize("shift", range(0, 160, 7))
def test_no_word_is_lost_or_cut_where_passages_meet(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    shift: Any,
) -> None:
    words = "alpha bravo charlie delta " * 600
    at = words.index(" ", 1_350 + shift) + 1
    make_chapters(make_novels(1)[0], f"{words[:at]}harbour {words[at:]}")

    excerpt = snippet(api, "harbour").replace("<mark>", "").replace("</mark>", "").split()

    assert "harbour" in excerpt
    assert {*excerpt} <= {"alpha", "bravo", "charlie", "delta", "harbour", "…"}


def test_a_snippet_shows_a_long_run_and_angle_brackets_as_they_are(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    run = "x" * 150
    make_chapters(make_novels(1)[0], f"a whale <b {run}>")

    assert snippet(api, "whale").startswith(f"<mark>whale</mark> &lt;b {run}")


def test_no_more_than_two_passages_are_read_by_ts_headline(db: None) -> None:
    text = "bx by " * 4000 + "harbour " + PROSE * 500 + "whale " + PROSE * 500
    with connection.cursor() as cursor:
        for words in ("bx by", "harbour whale", "absent"):
            cursor.execute(
                "SELECT length(excerpt) FROM novels_search_excerpt('simple', %s, %s)",
                [text, words],
            )
            assert 1_000 < cursor.fetchone()[0] <= 2 * 1_500 + 3


HOSTILE = {
    "alternatives of two words": ("bx by ", "bx by or zz1"),
    "the same alternatives": ("q w ", " or ".join(["q w"] * 24)),
    "one phrase many times": ("q ", '"' + "q " * 90 + '"'),
    "many words": (
        " ".join(map(chr, range(0x4E00, 0x4E64))) + " ",
        "".join(f"{chr(code)} " for code in range(0x4E00, 0x4E64)),
    ),
    "a run": ("a_", "whale"),
    "comments": ("<!-- ", "whale"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("text", "query"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_and_query_stay_within_the_limit(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    settings: Settings,
    text: Any,
    query: Any,
) -> None:
    settings.MORPHEUS_SEARCH_TIMEOUT_S = 10
    make_chapters(make_novels(1)[0], *["whale " + (text * 50_000)[:50_000]] * 5)

    rows = search(api, query, page_size=100)

    assert len(rows) == 5 and all("<mark>" in row["snippet"] for row in rows)


@pytest.mark.parametrize("scope", [{}, {"scope": "mine"}], ids=["public", "mine"])
@pytest.mark.parametrize("statement", ["_CANDIDATES", "_SNIPPETS"])
@pytest.mark.django_db(transaction=True)
def test_a_slow_search_is_503_and_leaves_no_statement_running(
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    statement: str,
    scope: dict[str, Any],
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "whale")
    client = as_user(novel.owner)
    settings.MORPHEUS_SEARCH_TIMEOUT_S = 0.2
    slow = getattr(query, statement).replace("WHERE", "WHERE pg_sleep(60)::text = '' AND")
    if slow == getattr(query, statement):
        slow += " WHERE pg_sleep(60)::text = ''"
    with monkeypatch.context() as patch:
        patch.setattr(query, statement, slow)
        response = client.get(URL, {"q": "whale", **scope})

    assert response.status_code == 503, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert int(response["Retry-After"]) >= 1
    assert response.json()["detail"] == ("The search took too long; use fewer or rarer words.")
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == [
        "WARNING"
    ]
    settings.MORPHEUS_SEARCH_TIMEOUT_S = 60
    assert len(search(client, "whale", **scope)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", [{}, {"scope": "mine"}], ids=["public", "mine"])
def test_more_operators_than_postgresql_reads_are_400(
    as_user: Callable[..., APIClient],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    scope: dict[str, Any],
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "whale")

    response = as_user(novel.owner).get(URL, {"q": "-" * 100, **scope})

    assert response.status_code == 400
    assert response.json()["errors"] == {"q": ["Too many operators; use fewer minus signs."]}
