"""Chapters and the processing status of a novel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import ProcessingStatus


def url(novel: Any, rest: Any) -> str:
    return f"/api/v1/novels/{novel.pk}/{rest}"


def test_chapters_come_by_number(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, *(f"text {number}" for number in range(1, 13)))

    first = api.get(url(novel, "chapters/?page_size=10")).json()
    second = api.get(first["next"]).json()

    numbers = [row["number"] for row in first["results"] + second["results"]]
    assert numbers == list(range(1, 13)) and second["next"] is None
    assert set(first["results"][0]) == {"id", "number", "title", "word_count"}
    assert api.get(second["previous"]).json()["results"] == first["results"]


def test_a_chapter_has_its_text(
    api: APIClient, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "One.", "Two.\n\nThree.")

    chapter = api.get(url(novel, "chapters/2/"))

    assert chapter.json()["content"] == "Two.\n\nThree."
    assert "public" in chapter["Cache-Control"] and chapter["ETag"]
    for number in ("0", "3", "99999999999999999999"):
        assert api.get(url(novel, f"chapters/{number}/")).status_code == 404


def test_the_processing_status_is_shown(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)

    status = api.get(url(novel, "status/")).json()

    updated_at = status.pop("updated_at")
    assert updated_at.endswith("Z")
    assert status == {
        "novel": novel.pk,
        "state": "completed",
        "stage": "",
        "progress": 100,
        "message": "",
        "warnings": [],
    }


@pytest.mark.parametrize("rest", ["chapters/", "chapters/1/", "status/"])
def test_chapters_and_status_of_a_private_novel_are_404_for_others(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    rest: str,
) -> None:
    ann = make_user("ann")
    (novel,) = make_novels(1, owner=ann, is_public=False)
    make_chapters(novel, "Secret.")

    mine = as_user(ann).get(url(novel, rest))

    assert mine.status_code == 200 and "private" in mine["Cache-Control"]
    assert api.get(url(novel, rest)).status_code == 404
    assert as_user(make_user("bob")).get(url(novel, rest)).status_code == 404


def test_a_novel_without_a_status_has_none(
    api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    with write_transaction(as_user=novel.owner_id):
        ProcessingStatus.objects.all().delete()

    assert api.get(url(novel, "status/")).status_code == 404


def test_queries_do_not_grow_with_chapters(
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    assert_flat_queries: Callable[..., None],
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "one")

    def more() -> None:
        make_chapters(novel, *["more"] * 10)

    assert_flat_queries(lambda: api.get(url(novel, "chapters/")), more, budget=2)
    assert_flat_queries(lambda: api.get(url(novel, "chapters/1/")), more, budget=1)
    assert_flat_queries(lambda: api.get(url(novel, "status/")), more, budget=1)
