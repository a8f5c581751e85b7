"""Import novels from files and folders, and parse them in this process."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from morpheus.db.transactions import write_transaction
from morpheus.storage.files import StorageUnavailable
from novels.models import Novel
from novels.parsing import ParseError
from novels.serializers import VISIBILITIES
from novels.services.uploads import UploadExists, novel_import
from users.models import PUBLIC, User

# The default owner of imported novels, a user without a password.
LIBRARY_EMAIL, LIBRARY_NAME = "library@morpheus.local", "Library"

SUFFIXES = {".txt", ".epub"}


class Command(BaseCommand):
    help = (
        "Import novels (.txt, .epub) from files and, recursively, folders. A file that its owner "
        "has already is left alone. Prints a line for each; exit code 1 if a file was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument(
            "--owner",
            metavar="EMAIL",
            help=f"whose novels they are (default: {LIBRARY_EMAIL}, made at the first import)",
        )
        parser.add_argument(
            "--visibility",
            choices=VISIBILITIES,
            default=PUBLIC,
            help="visibility of the novels (default: %(default)s)",
        )

    def handle(
        self, *, paths: list[Path], owner: str | None, visibility: str, **options: Any
    ) -> None:
        files = list(_files(paths))
        owner_id = _owner(owner).pk
        refused = 0
        for path in files:
            try:
                self.stdout.write(_import(path, owner_id, is_public=visibility == PUBLIC))
            except (ParseError, OSError, StorageUnavailable) as error:
                refused += 1
                self.stdout.write(f"{path.name}: refused: {error}")
        if refused:
            raise CommandError(f"{refused} of {len(files)} files refused.")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the given files in order, and the files of folders sorted by path.

    Raises:
        CommandError: There is no such file or folder.
    """
    for path in paths:
        if path.is_dir():
            novels = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            yield from sorted(file for file in novels if file.is_file())
        elif path.exists():
            yield path
        else:
            raise CommandError(f"{path} does not exist.")


def _owner(email: str | None) -> User:
    address = User.objects.normalize_email(email or LIBRARY_EMAIL)
    try:
        user: User = User.objects.get_by_natural_key(address)
    except User.DoesNotExist:
        if email:
            raise CommandError(f"There is no user {address}.") from None
        user = User.objects.create_user(address, display_name=LIBRARY_NAME)
    return user


def _import(path: Path, owner_id: int, *, is_public: bool) -> str:
    """Import a file; return the line that describes its novel.

    Raises:
        ParseError: The file is refused.
        OSError, StorageUnavailable: It cannot be read or stored.
    """
    try:
        with path.open("rb") as opened:
            novel = novel_import(
                owner_id=owner_id,
                file=File(opened),
                filename=path.name,
                fields={"is_public": is_public},
            )
        result = "imported"
    except UploadExists as known:
        with write_transaction(as_user=owner_id):
            novel = Novel.objects.for_summary().get(pk=known.novel_id)
        result = "already there"
    author = f" by {novel.author}" if novel.author else ""
    language = f", {novel.language.code}" if novel.language else ""
    return (
        f"{path.name}: {result} (novel {novel.pk}): {novel.title}{author}{language}, "
        f"{novel.chapter_count:,} chapters, {novel.word_count:,} words"
    )
