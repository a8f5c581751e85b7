"""Committed rows of two visibilities, and every role that comes to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from comics.models import Comic, Image, Panel
from comics.reading.models import Progress
from morpheus.api.models import IdempotentResponse
from morpheus.db.transactions import write_transaction
from novels.models import Chapter, ChapterText, Novel, NovelUpload, ProcessingStatus
from novels.search.documents import documents_rebuild
from perf.models import SlowQuery
from users.models import AccessToken, AccountDeletion, AccountExport, User, belonging_to

# Tables that every role may read. A new table belongs here or has policies.
OPEN = {
    "novels_genre",
    "novels_language",
    # Numbers of public novels.
    "novels_publiccount",
    "comics_image",
    "comics_rendition",
    # Counts of requests, of no user.
    "perf_metricssample",
}
PRIVATE = sorted(
    model._meta.db_table
    for label in ("api", "users", "novels", "comics", "reading", "perf")
    for model in apps.get_app_config(label).get_models(include_auto_created=True)
    if model._meta.managed and model._meta.db_table not in OPEN
)
# Tables whose rows are visible because their novel or comic is public.
FOLLOWS_VISIBILITY = {
    "novels_novel",
    "novels_chapter",
    "novels_chaptertext",
    "novels_searchdocument",
    "novels_processingstatus",
    "comics_comic",
    "comics_panel",
}


def connect(role: str, user_id: int | None = None, *, staff: bool = False) -> psycopg.Connection:
    """Come as one of the database's roles: app, owner or loader."""
    login = connection.settings_dict if role == "app" else settings.MORPHEUS_DATABASE_ROLES[role]
    opened = psycopg.connect(
        host=login["HOST"],
        port=login["PORT"] or None,
        user=login["USER"],
        password=login["PASSWORD"] or None,
        dbname=connection.settings_dict["NAME"],
    )
    opened.execute(
        "SELECT set_config('app.user_id', %s, false), set_config('app.staff', %s, false)",
        [str(user_id or ""), "on" if staff else ""],
    )
    opened.commit()
    return opened


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, User]]:
    """Ann, whose rows it is about, and Bob; one row of hers in every table, per visibility."""
    with django_db_blocker.unblock():
        ann, bob = (
            User.objects.create_user(f"{name}@example.org", "a password", display_name=name)
            for name in ("ann", "bob")
        )
        with write_transaction(as_user=ann.pk):
            for is_public in (False, True):
                rows_make(ann, is_public)
            AccessToken.objects.create(user=ann, digest=b"a" * 32, expires_at=timezone.now())
            IdempotentResponse.objects.create(
                user=ann, key=b"k", fingerprint=b"f", status=201, headers={}, body=b"{}"
            )
            AccountDeletion.objects.create(user=ann)
            AccountExport.objects.create(user=ann, expires_at=timezone.now())
        with write_transaction(as_staff=True):
            ann.groups.add(Group.objects.create(name="Moderators"))
            ann.user_permissions.add(Permission.objects.first())
            SlowQuery.objects.create(route="GET /novels/", worst_ms=1, last_ms=1, count=1)
        yield {"ann": ann, "bob": bob}
        call_command("flush", interactive=False, verbosity=0, reset_sequences=False)
        connection.close()


def rows_make(owner: User, is_public: bool) -> None:
    novel = Novel.objects.create(title=f"Whale {is_public}", owner=owner, is_public=is_public)
    NovelUpload.objects.create(
        novel=novel, owner=owner, digest=f"{is_public:064}", filename="a.txt", size_bytes=1
    )
    ProcessingStatus.objects.create(novel=novel, **belonging_to(novel))
    chapter = Chapter.objects.create(novel=novel, number=1, title="One", **belonging_to(novel))
    ChapterText.objects.create(chapter=chapter, content="The whale.", **belonging_to(novel))
    documents_rebuild(novel_id=novel.pk)
    image, _ = Image.objects.get_or_create(
        digest=f"{is_public:064}",
        defaults={"media_type": "image/png", "width": 1, "height": 1, "size_bytes": 1},
    )
    comic = Comic.objects.create(title="C", novel=novel, owner=owner, is_public=is_public)
    Panel.objects.create(comic=comic, number=1, image=image, **belonging_to(comic))
    for work in ({"novel": novel}, {"comic": comic}):
        Progress.objects.create(user=owner, number=1, read_at=timezone.now(), **work)


@contextmanager
def rolled_back(opened: psycopg.Connection) -> Iterator[None]:
    try:
        yield
    finally:
        opened.rollback()
