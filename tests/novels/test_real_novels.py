"""Real novels, the whole way: uploaded or imported, parsed, listed, found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.management.commands.import_novels import LIBRARY_EMAIL
from novels.models import Novel
from users.models import User

# File: title, author, chapters of the work itself.
EXPECTED = {
    "alices-adventures-in-wonderland.txt": ("Alice’s Adventures in Wonderland", "Carroll", 12),
    "frankenstein.txt": ("Frankenstein; or The Modern Prometheus", "Shelley", 28),
    "katrine-latin1.txt": ("Katrine", "Lane", 28),
    "pride-and-prejudice.epub": ("Pride and Prejudice", "Austen", 61),
    "the-adventures-of-sherlock-holmes.txt": ("The Adventures of Sherlock Holmes", "Doyle", 12),
    "the-time-machine.epub": ("The Time Machine", "Wells", 12),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_uploaded_novel_completes(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any], real_data: Path, name: str
) -> None:
    client = as_user(make_user("ann"))
    file = SimpleUploadedFile(name, (real_data / "novels" / name).read_bytes())
    title, author, chapters = EXPECTED[name]

    created = client.post("/api/v1/novels/", {"file": file}, format="multipart")
    call_command("worker", batch=True)

    assert created.status_code == 201, created.content
    url = f"/api/v1/novels/{created.json()['id']}/"
    assert client.get(f"{url}status/").json()["state"] == "completed"
    novel = client.get(url).json()
    assert (novel["title"], novel["language"]) == (title, "en")
    assert author in novel["author"]
    assert novel["chapter_count"] == chapters
    listed = client.get(f"{url}chapters/?page_size=100").json()["results"]
    assert [row["number"] for row in listed] == list(range(1, chapters + 1))
    assert sum(row["word_count"] for row in listed) == novel["word_count"]


def test_all_are_imported_and_alices_rabbit_hole_is_found(
    db: None, api: APIClient, real_data: Path
) -> None:
    out = io.StringIO()

    call_command("import_novels", str(real_data / "novels"), stdout=out)

    user = User.objects.get_by_natural_key(LIBRARY_EMAIL)
    with write_transaction(as_user=user.pk):
        counts = dict(Novel.objects.values_list("title", "chapter_count"))
    assert counts == {title: chapters for title, _, chapters in EXPECTED.values()}
    assert out.getvalue().count("imported") == len(EXPECTED)
    (row,) = api.get("/api/v1/search/", {"q": '"down the rabbit-hole" -frankenstein'}).json()[
        "results"
    ][:1]
    assert row["novel_title"] == "Alice’s Adventures in Wonderland"
    assert (row["kind"], row["chapter"]) == ("chapter", 1)
    assert "<mark>rabbit</mark>-<mark>hole</mark>" in row["snippet"]
