"""Picture files without a row: deleted when they are old, also while one is uploaded again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import connection
from pytest_django import Settings

from comics.images.decoding import picture_read
from comics.images.files import write_whole
from comics.models import Image
from comics.services import images
from comics.services.images import image_files_delete_stray, rendition_create
from morpheus.worker.housekeeping import FILE_AGE
from tests.comics.picture_files import image_path, rendition_path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, settings: Settings) -> None:
    own = settings.STORAGES["images"] | {"OPTIONS": {"location": tmp_path / "images"}}
    settings.STORAGES = settings.STORAGES | {"images": own}


def make_old(*paths: Path) -> None:
    then = time.time() - FILE_AGE.total_seconds() - 60
    for path in paths:
        os.utime(path, (then, then))


def files() -> set[Path]:
    return {path for path in Path(storages["images"].path("")).rglob("*") if path.is_file()}


def test_old_files_without_a_row_go_and_all_others_stay(
    make_comics: Callable[..., Any], add_panel: Callable[..., Any], make_picture: Callable[..., Any]
) -> None:
    image = add_panel(make_comics(is_public=False)[0]).image
    rendition_create(
        image_id=image.pk, digest=image.digest, media_type=image.media_type, size="small"
    )
    kept = files()
    assert len(kept) == 2
    new = picture_read(make_picture())
    write_whole(image_path(new.digest, new.media_type), new.data)
    kept.add(image_path(new.digest, new.media_type))
    lost = picture_read(make_picture())
    strays = [
        image_path(lost.digest, lost.media_type),
        rendition_path(lost.digest, "small"),
        # Of an image that is there: a copy without a row, another format, a draft.
        rendition_path(image.digest, "large"),
        image_path(image.digest, "image/webp"),
        image_path(image.digest, image.media_type).with_name(".abc.part"),
    ]
    for path in strays:
        write_whole(path, b"x")
    make_old(*strays, *kept - {image_path(new.digest, new.media_type)})

    assert image_files_delete_stray() == len(strays)
    assert image_files_delete_stray() == 0

    assert files() == kept
    assert Image.objects.count() == 1


def test_an_upload_of_the_same_picture_at_that_moment_keeps_its_file(
    make_comics: Callable[..., Any],
    add_panel: Callable[..., Any],
    make_picture: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make_picture()
    picture = picture_read(data)
    path = image_path(picture.digest, picture.media_type)
    write_whole(path, picture.data)
    make_old(path)
    [comic] = make_comics()
    threads: list[threading.Thread] = []

    def upload() -> None:
        try:
            add_panel(comic, data)
        finally:
            connection.close()

    select_names = images._select_names

    def select(names: list[str]) -> set[str]:
        known = select_names(names)
        # First before the row is held, then when it was found to be missing.
        threads.append(threading.Thread(target=upload if len(threads) == 1 else lambda: None))
        threads[-1].start()
        time.sleep(0.5)
        return known

    monkeypatch.setattr(images, "_select_names", select)

    image_files_delete_stray()
    for thread in threads:
        thread.join()

    assert len(threads) == 2
    assert Image.objects.get().digest == picture.digest
    assert path.exists()
