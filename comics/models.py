"""Comics, their panels, and the images that panels share."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from comics.querysets import ComicQuerySet, PanelQuerySet
from morpheus.db.name_fields import NameField
from morpheus.db.schema import list_index, public_owner, reference
from novels.models import TITLE_COLLATION
from users.models import Belonging, User


class Image(models.Model):
    """An image file, known by its content: the same bytes are stored once.

    `digest` is the SHA-256 in hexadecimal; the file's name follows from it and, in an object store,
    from the `generation`, which differs each time that a row is made. Rows never change.
    """

    digest = models.CharField(max_length=64)
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    generation = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            # An uploaded image is looked up by its content.
            models.UniqueConstraint(fields=["digest"], name="comics_image_digest_uq"),
            models.CheckConstraint(
                condition=Q(width__gte=1, height__gte=1), name="comics_image_size_ck"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12]} {self.width}×{self.height}"


class Rendition(models.Model):
    """A smaller copy of an image for a thumbnail; made at first use, never changed."""

    class Size(models.TextChoices):
        SMALL = "small"
        MEDIUM = "medium"
        LARGE = "large"

    image = reference(Image, related_name="renditions")
    size = models.CharField(max_length=6, choices=Size.choices)
    digest = models.CharField(max_length=64)
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()

    class Meta:
        constraints = [
            # GET /comics/{id}/thumbnail/?size=
            models.UniqueConstraint(fields=["image", "size"], name="comics_rendition_size_uq"),
            models.CheckConstraint(
                condition=Q(size__in=["small", "medium", "large"]), name="comics_rendition_size_ck"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.size} of image {self.image_id}"


class Comic(models.Model):
    """A comic; `cover` is the image of its first panel, `panel_count` the number of its panels.

    `image_bytes` is the size of the panels' pictures; one that two panels show counts twice.
    """

    title = NameField(max_length=300, db_collation=TITLE_COLLATION)
    novel = reference("novels.Novel", null=True, blank=True, related_name="comics")
    owner = reference(User, related_name="comics")
    public_owner = public_owner()
    is_public = models.BooleanField(default=False)
    panel_count = models.PositiveIntegerField(default=0)
    image_bytes = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    cover = reference("comics.Image", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ComicQuerySet.as_manager()

    class Meta:
        # GET /comics/: each filter with each ordering, over public comics.
        indexes = [
            list_index("comics_comic_newest_idx", "created_at", "id"),
            list_index("comics_comic_title_idx", "title", "id"),
            list_index("comics_comic_novel_title_idx", "novel", "title", "id"),
            list_index("comics_comic_owner_newest_idx", "owner", "created_at", "id"),
            list_index("comics_comic_owner_title_idx", "owner", "title", "id"),
            # GET /comics/?owner=me, GET /users/me/dashboard/; the foreign key's own look-ups.
            list_index(
                "comics_comic_mine_newest_idx",
                "owner",
                "created_at",
                "id",
                include=("panel_count", "image_bytes"),
                public_only=False,
            ),
            list_index("comics_comic_mine_title_idx", "owner", "title", "id", public_only=False),
            # GET /comics/?novel=; the foreign key's own look-ups, so also of private comics.
            list_index(
                "comics_comic_novel_newest_idx",
                "novel",
                "is_public",
                "created_at",
                "id",
                public_only=False,
            ),
            # Deleting an image finds the comics that name it.
            models.Index(fields=["cover"], name="comics_comic_cover_fk_idx"),
        ]

    def __str__(self) -> str:
        return str(self.title)


class Panel(Belonging):
    """One picture of a comic; numbers run from 1 in reading order."""

    comic = reference(Comic, related_name="panels")
    number = models.PositiveIntegerField()
    caption = models.CharField(max_length=500, blank=True, default="")
    image = reference(Image)

    objects = PanelQuerySet.as_manager()

    class Meta:
        indexes = [
            # Deleting an image that no panel shows any more.
            models.Index(fields=["image"], name="comics_panel_image_fk_idx"),
        ]
        constraints = [
            # GET /comics/{id}/panels/
            models.UniqueConstraint(fields=["comic", "number"], name="comics_panel_number_uq"),
            models.CheckConstraint(condition=Q(number__gte=1), name="comics_panel_number_ck"),
        ]

    def __str__(self) -> str:
        return f"panel {self.number} of comic {self.comic_id}"
