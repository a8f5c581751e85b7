"""Rows and files of images and of their smaller copies.

A file and its row change together under the row's lock. The upload of an image holds the row until
its panel is committed. A deletion unlinks the file before its commit. So an upload of an image that
is being deleted waits, finds no file and writes it.
"""

from __future__ import annotations

import logging

from django.core.files.storage import storages
from django.db import IntegrityError, OperationalError, transaction

from comics.images.decoding import Picture
from comics.images.files import (
    FILE_PATTERN,
    digest_of,
    image_files_delete,
    image_name,
    image_path,
    rendition_name,
    rendition_path,
    write_whole,
)
from comics.images.sandboxed import rendition_check
from comics.images.structure import ImageRefused
from comics.models import Comic, Image, Panel, Rendition
from morpheus.db.compiled_reads import AnyOf
from morpheus.http.disk_space import has_free_space, is_disk_full
from morpheus.worker.housekeeping import delete_stray_files

logger = logging.getLogger(__name__)


def image_row_hold(picture: Picture) -> Image:
    """Insert or find the row of an image and lock it until the transaction ends.

    ON CONFLICT DO UPDATE, because DO NOTHING neither locks nor returns an existing row.
    """
    image = Image(**picture.columns)
    Image.objects.bulk_create(
        [image],
        update_conflicts=True,
        unique_fields=["digest"],
        # No column of a unique key: other panels of the image need not wait.
        update_fields=["size_bytes"],
    )
    return image


def images_delete_unused(*, image_ids: list[int]) -> int:
    """Delete the images that no panel shows, with their files; return how many.

    The query excludes images of visible panels. Another user's private panel is invisible, but its
    foreign key refuses the deletion.
    """
    if not image_ids:
        return 0
    unused = (
        Image.objects.filter(AnyOf("pk", image_ids))
        .exclude(pk__in=Panel.objects.filter(AnyOf("image_id", image_ids)).values("image_id"))
        .exclude(pk__in=Comic.objects.filter(AnyOf("cover_id", image_ids)).values("cover_id"))
    )
    return sum(_image_delete(image) for image in unused.order_by("pk"))


def _image_delete(image: Image) -> bool:
    try:
        with transaction.atomic():
            deleted, _ = Image.objects.filter(pk=image.pk).delete()
            if deleted:
                # If the commit fails after this, an unused row without a file remains. The next
                # upload of the same image repairs it.
                image_files_delete(image.digest, image.media_type, Rendition.Size.values)
            return bool(deleted)
    except IntegrityError:
        return False


def image_files_delete_stray() -> int:
    """Delete old picture files without a row, and old drafts; return how many."""
    return delete_stray_files(
        alias="images",
        root="",
        pattern=FILE_PATTERN,
        select_known=_select_names,
        delete=_stray_delete,
    )


def _stray_delete(name: str) -> bool:
    """Delete a file unless it got a row; hold the image's row as its upload does.

    Without an image, a row is inserted for the moment and rolled back: an upload of the same image
    waits for it, finds no file and writes it.
    """
    digest = digest_of(name)
    with transaction.atomic():
        draft = Image(digest=digest, media_type="", width=1, height=1, size_bytes=0)
        Image.objects.bulk_create([draft], ignore_conflicts=True)
        Image.objects.select_for_update().get(digest=digest)
        is_stray = name not in _select_names([name])
        if is_stray:
            storages["images"].delete(name)
        transaction.set_rollback(True)
    return is_stray


def _select_names(names: list[str]) -> set[str]:
    """Return the names of all files of the images that these files are of."""
    images = Image.objects.filter(digest__in={digest_of(name) for name in names})
    files = images.exclude(media_type="").values_list("digest", "media_type")
    copies = images.values_list("digest", "renditions__size").exclude(renditions=None)
    return {image_name(*row) for row in files} | {rendition_name(*row) for row in copies}


def rendition_create(*, image_id: int, digest: str, media_type: str, size: str) -> Picture:
    """Create an image's rendition, and store it if there is free space.

    Two threads that create the same rendition write the same bytes, and one row remains.

    Raises:
        Image.DoesNotExist: The image, or its file, was deleted, or cannot be decoded.
        Busy: Too many other images are being decoded.
    """
    try:
        copy = rendition_check(image_path(digest, media_type), size)
        if has_free_space():
            _rendition_store(image_id, digest, size, copy)
        return copy
    except (IntegrityError, FileNotFoundError, Rendition.DoesNotExist) as error:
        raise Image.DoesNotExist(f"Image {image_id} was deleted.") from error
    except ImageRefused as error:
        raise Image.DoesNotExist(f"Image {image_id} cannot be decoded: {error}") from error


def _rendition_store(image_id: int, image_digest: str, size: str, copy: Picture) -> None:
    rendition = Rendition(image_id=image_id, size=size, **copy.columns)
    try:
        with transaction.atomic():
            # The foreign key locks the image until the file is written.
            Rendition.objects.bulk_create([rendition], ignore_conflicts=True)
            write_whole(rendition_path(image_digest, size), copy.data)
        Rendition.objects.only("pk").get(image_id=image_id, size=size)
    except (OSError, OperationalError) as error:
        if not is_disk_full(error):
            raise
        logger.error("No free space for a thumbnail: %s", error)
