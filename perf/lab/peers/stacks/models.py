"""The tables, as models of a project that knows nothing of Morpheus."""

# ruff: noqa: DJ008 - no page shows them

from __future__ import annotations

from django.db import models


class User(models.Model):
    display_name = models.CharField(max_length=80)

    class Meta:
        db_table = "users_user"


class Genre(models.Model):
    slug = models.SlugField(max_length=40)

    class Meta:
        db_table = "novels_genre"


class Language(models.Model):
    code = models.CharField(max_length=8)

    class Meta:
        db_table = "novels_language"


class Novel(models.Model):
    title = models.CharField(max_length=300)
    author = models.CharField(max_length=200)
    synopsis = models.TextField()
    genre = models.ForeignKey(Genre, models.PROTECT, null=True)
    language = models.ForeignKey(Language, models.PROTECT, null=True)
    is_public = models.BooleanField()
    word_count = models.PositiveIntegerField()
    chapter_count = models.PositiveIntegerField()
    owner = models.ForeignKey(User, models.CASCADE)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "novels_novel"


class Status(models.Model):
    novel = models.OneToOneField(Novel, models.CASCADE, primary_key=True)
    is_public = models.BooleanField()
    state = models.CharField(max_length=10)
    stage = models.CharField(max_length=40)
    progress = models.PositiveSmallIntegerField()
    message = models.CharField(max_length=500)
    warnings = models.JSONField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "novels_processingstatus"


class Comic(models.Model):
    is_public = models.BooleanField()

    class Meta:
        db_table = "comics_comic"


class Image(models.Model):
    digest = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    class Meta:
        db_table = "comics_image"


class Panel(models.Model):
    comic = models.ForeignKey(Comic, models.CASCADE, related_name="panels")
    number = models.PositiveIntegerField()
    caption = models.CharField(max_length=500)
    image = models.ForeignKey(Image, models.PROTECT)

    class Meta:
        db_table = "comics_panel"
