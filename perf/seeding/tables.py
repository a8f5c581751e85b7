"""The tables that seeding fills, in the order of their foreign keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.apps import apps
from django_tasks_db.models import DBTaskResult

from novels.models import Genre, Language, SearchDocument
from users.models import User

USERS = User._meta.db_table
# Filled by a migration; seeding only refers to them.
REFERENCES = [model._meta.db_table for model in (Genre, Language)]
# Emptied by --reset. Users are not: operators stay.
DOMAIN = [
    model._meta.db_table
    for label in ("novels", "comics")
    for model in apps.get_app_config(label).get_models()
    if model._meta.db_table not in REFERENCES
]
# A job that waits for a novel would find another novel under its id.
JOBS = DBTaskResult._meta.db_table

COLUMNS = {
    USERS: "id password is_superuser email display_name bio is_staff is_active date_joined",
    "comics_image": "id digest media_type width height size_bytes",
    "novels_novel": "id title author synopsis genre_id language_id is_public word_count "
    "chapter_count owner_id created_at updated_at",
    "novels_processingstatus": "novel_id state stage progress message updated_at owner_id "
    "is_public",
    "novels_chapter": "id novel_id number title word_count owner_id is_public",
    "novels_chaptertext": "chapter_id content owner_id is_public",
    "comics_comic": "id title novel_id owner_id is_public panel_count image_bytes "
    "cover_id created_at updated_at",
    "comics_panel": "id comic_id number caption image_id owner_id is_public",
}
SEARCH = SearchDocument._meta.db_table
SEEDED = [*COLUMNS, SEARCH]


@dataclass(frozen=True)
class Load:
    """Rows for one table.

    Attributes:
        lines: Generates lines of COPY's text format while they are sent.
        count: The number of lines.
    """

    table: str
    lines: Callable[[], Iterable[str]]
    count: int
