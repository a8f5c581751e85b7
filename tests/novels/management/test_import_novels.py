"""manage.py import_novels."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from morpheus.db.transactions import write_transaction
from novels.management.commands.import_novels import LIBRARY_EMAIL
from novels.models import Novel, NovelUpload
from tests.conftest import as_staff
from users.models import User

TALE = "Title: A Tale\nAuthor: Ann\n\nCHAPTER I\n\nOne two.\n\nCHAPTER II\n\nThree.\n"


def run(*arguments: Any) -> Any:
    out = io.StringIO()
    call_command("import_novels", *map(str, arguments), stdout=out)
    return out.getvalue()


def novels_of(email: str) -> list[Any]:
    with as_staff():
        user = User.objects.get(email=email)
    with write_transaction(as_user=user.pk):
        return list(Novel.objects.filter(owner=user).order_by("title"))


def test_files_and_folders_are_imported(db: None, tmp_path: Path) -> None:
    (tmp_path / "folder" / "deeper").mkdir(parents=True)
    (tmp_path / "folder" / "deeper" / "tale.TXT").write_text(TALE)
    (tmp_path / "folder" / "notes.pdf").write_text("not looked at")
    (tmp_path / "single.txt").write_text("Only text.")

    lines = run(tmp_path / "folder", tmp_path / "single.txt")

    assert "notes.pdf" not in lines
    single, tale = sorted(novels_of(LIBRARY_EMAIL), key=lambda novel: novel.chapter_count)
    assert (tale.title, tale.author, tale.chapter_count, tale.word_count) == ("A Tale", "Ann", 2, 3)
    assert tale.is_public and single.title == "single"
    line = next(line for line in lines.splitlines() if line.startswith("tale.TXT"))
    assert line == (f"tale.TXT: imported (novel {tale.pk}): A Tale by Ann, 2 chapters, 3 words")
    with as_staff():
        assert not User.objects.get(email=LIBRARY_EMAIL).has_usable_password()


def test_a_second_import_adds_nothing(db: None, tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(TALE)
    run(tmp_path)

    lines = run(tmp_path)

    (novel,) = novels_of(LIBRARY_EMAIL)
    assert f"already there (novel {novel.pk})" in lines


def test_owner_and_visibility_are_chosen(make_user: Callable[..., Any], tmp_path: Path) -> None:
    make_user("ann")
    (tmp_path / "tale.txt").write_text(TALE)

    run(tmp_path, "--owner", "ANN@example.org", "--visibility", "private")

    (novel,) = novels_of("ann@example.org")
    assert not novel.is_public


def test_a_refused_file_is_named_and_the_rest_is_imported(db: None, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    (tmp_path / "b.txt").write_text(TALE)
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 of 2"):
        call_command("import_novels", str(tmp_path), stdout=out)

    assert "refused: The file is empty" in out.getvalue()
    (novel,) = novels_of(LIBRARY_EMAIL)
    with write_transaction(as_user=novel.owner_id):
        assert NovelUpload.objects.count() == 1


def test_a_missing_path_is_named(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="missing.txt does not exist"):
        run(tmp_path / "missing.txt")
    with pytest.raises(CommandError, match="no user nobody@example.org"):
        run(tmp_path, "--owner", "nobody@example.org")
