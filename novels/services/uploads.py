"""New novels from files, and files that are parsed once more."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.files import File
from django.core.files.storage import storages
from django.db import IntegrityError, transaction

from novels.models import Novel, NovelUpload, ProcessingStatus
from novels.parsing import FileFormat
from novels.search import documents_rebuild
from novels.services.bounded import check_upload, parse_novel
from novels.services.parsed import novel_store_parsed
from novels.services.status import State, status_set
from novels.upload_files import default_title, new_path
from users.models import belonging_to
from users.quotas import quota_require


class UploadExists(Exception):
    """The owner has this very file already.

    Attributes:
        novel_id: The novel that was made from it; None if it was deleted just now.
    """

    def __init__(self, novel_id: int | None) -> None:
        super().__init__(f"This file is already novel {novel_id}.")
        self.novel_id = novel_id


class NothingToParse(Exception):
    """The novel has no file to parse, or waits for its parse already; the message says which."""


def novel_create_from_upload(
    *,
    owner_id: int,
    file: File,
    file_format: FileFormat,
    filename: str,
    fields: Mapping[str, Any],
) -> Novel:
    """Keep a checked file, make its novel and queue its parse; all of it or, when refused, nothing.

    `file_format` comes from `check_upload`, before the caller's transaction begins. `fields` are
    columns of the novel that the owner chose. Runs as the owner (`write_transaction`).

    Raises:
        UploadExists: The owner has this file already.
        QuotaExceeded: The owner would keep too much.
    """
    digest = _new_digest(owner_id, file)
    quota_require(owner_id=owner_id, novels=1, size_bytes=file.size)
    with _kept(file, file_format) as path, _created(owner_id, digest):
        novel = _novel_create(owner_id, filename, fields)
        _belongings_create(novel, filename, digest, path, file.size)
        _parse_enqueue(novel, given=sorted(fields))
    return novel


def novel_import(*, owner_id: int, file: File, filename: str, fields: Mapping[str, Any]) -> Novel:
    """Parse a file here and now and keep it with its novel; all of it or, when refused, nothing.

    No quota holds: operators import.

    Raises:
        ParseError: The file is refused; the message says why.
        UploadExists: The owner has this file already.
    """
    file_format = check_upload(file, filename)
    digest = _new_digest(owner_id, file)
    parsed = parse_novel(file, filename)
    with _kept(file, file_format) as path, _created(owner_id, digest):
        novel = _novel_create(owner_id, filename, fields)
        _belongings_create(novel, filename, digest, path, file.size)
        novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=sorted(fields))
    return Novel.objects.for_cards().get(pk=novel.pk)


@transaction.atomic
def novel_reparse(*, novel_id: int) -> None:
    """Queue the parse of a novel's file once more; what its owner changed since stays.

    Raises:
        NothingToParse: No file is kept, or it waits for a parse already; the message says which.
        Novel.DoesNotExist: No such novel, or not the caller's to change.
    """
    novel = Novel.objects.select_for_update(of=("self",), no_key=True).get(pk=novel_id)
    if not NovelUpload.objects.filter(pk=novel_id).exists():
        raise NothingToParse(f"Novel {novel_id} was not made from a file, so none can be parsed.")
    if ProcessingStatus.objects.filter(pk=novel_id, state=State.PENDING).exists():
        raise NothingToParse(f"Novel {novel_id} waits for its parse already.")
    status_set(novel_id=novel_id, state=State.PENDING, progress=0)
    _parse_enqueue(novel, given=[])


def _new_digest(owner_id: int, file: File) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    _refuse_known(owner_id, digest)
    return digest


def _refuse_known(owner_id: int, digest: str) -> None:
    known = NovelUpload.objects.filter(owner_id=owner_id, digest=digest)
    novel_id = known.values_list("pk", flat=True).first()
    if novel_id is not None:
        raise UploadExists(novel_id)


@contextmanager
def _kept(file: File, file_format: FileFormat) -> Iterator[str]:
    """Keep the file for as long as the block succeeds; yield its path in the storage."""
    path = new_path(file_format)
    try:
        # No other upload has this path: what lies there is ours, also half of it on a full disk.
        storage = storages["uploads"]
        saved = storage.save(path, file)
        if storage.size(saved) != file.size:
            # Django moves a file between file systems by `os.write`, and ignores that the last call
            # may have written a part only.
            raise OSError(errno.ENOSPC, "An upload was not written whole")
        yield saved
    except BaseException:
        storages["uploads"].delete(path)
        raise


@contextmanager
def _created(owner_id: int, digest: str) -> Iterator[None]:
    """Write rows in one transaction; the slower of two equal uploads is refused by the index."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        _refuse_known(owner_id, digest)
        raise


def _novel_create(owner_id: int, filename: str, fields: Mapping[str, Any]) -> Novel:
    return Novel.objects.create(**{"title": default_title(filename)} | fields, owner_id=owner_id)


def _belongings_create(novel: Novel, filename: str, digest: str, path: str, size: int) -> None:
    NovelUpload.objects.create(
        novel=novel,
        owner_id=novel.owner_id,
        digest=digest,
        filename=filename[-255:],
        path=path,
        size_bytes=size,
    )
    ProcessingStatus.objects.create(novel=novel, **belonging_to(novel))
    documents_rebuild(novel_id=novel.pk)


def _parse_enqueue(novel: Novel, *, given: list[str]) -> None:
    from novels.tasks import parse_upload  # The task runs services: above it would be a circle.

    parse_upload.enqueue(novel_id=novel.pk, owner_id=novel.owner_id, given=given)
