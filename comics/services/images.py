"""Rows and files of images and of their smaller copies.

In a folder, a file and its row change together under the row's lock. The upload of an image holds
the row until its panel is committed. A deletion unlinks the file before its commit. So an upload of
an image that is being deleted waits, finds no file and writes it.

A request to an object store must not wait in a transaction. So there each upload has a name of its
own, with the image's `generation`: its object is stored before its row, and deleted after it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.storage import storages
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from comics.images.decoding import Picture
from comics.images.files import (
    FILE_PATTERN,
    digest_of,
    file_write,
    image_name,
    picture_file_write,
    rendition_name,
)
from comics.images.sandboxed import rendition_check
from comics.images.structure import ImageRefused
from comics.models import Comic, Image, Panel, Rendition
from morpheus.db.compiled_reads import AnyOf
from morpheus.http.bulkhead import Busy
from morpheus.http.disk_space import has_free_space, is_disk_full
from morpheus.storage.files import StorageUnavailable, delete_objects, find_folder, local_copy
from morpheus.worker.housekeeping import delete_stray_files

logger = logging.getLogger(__name__)


@contextmanager
def picture_stored(picture: Picture) -> Iterator[str]:
    """Store a picture in the object store, if there is one; yield its generation.

    The block has the transaction of `panel_add`. The object is deleted afterwards if no row has it:
    the block failed, or there is an image of the same content. In a folder, `panel_add` stores it.
    """
    if find_folder("images") is not None:
        yield ""
        return
    generation = uuid.uuid4().hex
    picture_file_write(picture, generation)
    name = image_name(picture.digest, picture.media_type, generation)
    try:
        yield generation
    except (OperationalError, InterfaceError):
        raise  # A lost connection may have committed. Housekeeping deletes an object without a row.
    except BaseException:
        _delete_objects([name])
        raise
    if not Image.objects.filter(digest=picture.digest, generation=generation).exists():
        _delete_objects([name])


def image_row_hold(picture: Picture, generation: str = "") -> Image:
    """Insert or find the row of an image and lock it until the transaction ends.

    A row that exists keeps its generation. ON CONFLICT DO UPDATE, because DO NOTHING neither locks
    nor returns an existing row.
    """
    image = Image(**picture.columns, generation=generation)
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
    deleted = [image for image in unused.order_by("pk") if _image_delete(image)]
    if find_folder("images") is None:
        _delete_objects([name for image in deleted for name in _file_names(image)])
    return len(deleted)


def images_delete_after_commit(image_ids: list[int]) -> None:
    """Delete images that no panel shows when the transaction has been committed.

    An error there is logged: the change is committed, whatever happens to the files.
    """

    def delete_images() -> None:  # Not a partial: Django logs the error of a function alone.
        images_delete_unused(image_ids=image_ids)

    transaction.on_commit(delete_images, robust=True)


def _image_delete(image: Image) -> bool:
    try:
        with transaction.atomic():
            deleted, _ = Image.objects.filter(pk=image.pk).delete()
            folder = find_folder("images")
            if deleted and folder is not None:
                # If the commit fails after this, an unused row without a file remains. The next
                # upload of the same image repairs it.
                for name in _file_names(image):
                    (folder / name).unlink(missing_ok=True)
            return bool(deleted)
    except IntegrityError:
        return False


def _file_names(image: Image) -> list[str]:
    copies = [
        rendition_name(image.digest, size, image.generation) for size in Rendition.Size.values
    ]
    return [image_name(image.digest, image.media_type, image.generation), *copies]


def _delete_objects(names: list[str]) -> None:
    """Delete objects without a row, or leave them to housekeeping: no client need know."""
    try:
        delete_objects("images", names)
    except (StorageUnavailable, Busy) as error:
        logger.warning("Housekeeping will delete %d objects: %s", len(names), error)


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
    waits for it, finds no file and writes it. No upload writes an object of that name again.
    """
    if find_folder("images") is None:
        storages["images"].delete(name)
        return True
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
    files = images.exclude(media_type="").values_list("digest", "media_type", "generation")
    copies = images.exclude(renditions=None).values_list("digest", "renditions__size", "generation")
    return {image_name(*row) for row in files} | {rendition_name(*row) for row in copies}


def rendition_create(
    *, image_id: int, digest: str, media_type: str, size: str, generation: str = ""
) -> Picture:
    """Create an image's rendition, and store it if the storage can take it.

    Two threads that create the same rendition write the same bytes, and one row remains.

    Raises:
        Image.DoesNotExist: The image, or its file, was deleted, or cannot be decoded.
        Busy: Too many other images are being decoded.
        StorageUnavailable: The object store cannot deliver the image.
    """
    try:
        with local_copy("images", image_name(digest, media_type, generation)) as path:
            copy = rendition_check(path, size)
        if has_free_space():
            rendition = Rendition(image_id=image_id, size=size, **copy.columns)
            _rendition_store(rendition, rendition_name(digest, size, generation), copy.data)
        return copy
    except (IntegrityError, FileNotFoundError, Rendition.DoesNotExist) as error:
        raise Image.DoesNotExist(f"Image {image_id} was deleted.") from error
    except ImageRefused as error:
        raise Image.DoesNotExist(f"Image {image_id} cannot be decoded: {error}") from error


def _rendition_store(rendition: Rendition, name: str, data: bytes) -> None:
    is_folder = find_folder("images") is not None
    try:
        if not is_folder:
            file_write(name, data)
        with transaction.atomic():
            # The foreign key locks the image until the file is written.
            Rendition.objects.bulk_create([rendition], ignore_conflicts=True)
            if is_folder:
                file_write(name, data)
        Rendition.objects.only("pk").get(image_id=rendition.image_id, size=rendition.size)
    except (OSError, OperationalError) as error:
        if not is_disk_full(error):
            raise
        logger.error("No free space for a thumbnail: %s", error)
    except (StorageUnavailable, Busy) as error:
        logger.warning("A thumbnail was not stored: %s", error)
    except (IntegrityError, Rendition.DoesNotExist):
        if not is_folder:
            _delete_objects([name])  # The deletion of the image may have come before it.
        raise
