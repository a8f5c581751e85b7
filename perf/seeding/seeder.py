"""Seed a database from start to end.

Everything is one transaction: an interruption leaves the database as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection, transaction

from comics.images.decoding import Picture, picture_read
from comics.images.files import picture_file_write
from morpheus.db.roles import connected_as
from novels.search.documents import documents_build_range

from . import database
from .catalogue import Catalogue, References, user_lines
from .copying import Load, Progress, copy_rows, line
from .database import REFERENCES, SEARCH, SEEDED, USERS
from .gallery import Gallery
from .options import SeedOptions
from .pictures import KINDS, draw_picture
from .reading import count_places, progress_lines

NOVELS, CHAPTERS = "novels_novel", "novels_chapter"

# Novels per statement that builds search documents: few enough for a bar that moves.
NOVELS_PER_STATEMENT = 50


def database_is_empty() -> bool:
    """Return whether only operators and reference tables have rows."""
    with connected_as("owner"), transaction.atomic(), connection.cursor() as cursor:
        return database.is_empty(cursor)


def seed(options: SeedOptions, progress: Progress) -> None:
    """Fill the database; call `vacuum` afterwards.

    Raises:
        DatabaseNotEmpty: There are rows, and `options.reset` is not set.
        OperationalError: Another session holds locks for too long, or the server went away.
    """
    with connected_as("owner"):
        with transaction.atomic(), connection.cursor() as cursor:
            database.prepare_session(cursor)
            _Seeder(cursor, options, progress).run()


def vacuum(progress: Progress) -> None:
    """Collect statistics for the planner, and the visibility map for index-only scans."""
    with (
        progress.step("vacuum, analyze", len(SEEDED + REFERENCES), " tables") as bar,
        connected_as("owner"),
        connection.cursor() as cursor,
    ):
        # Autovacuum never visits tables that hardly change.
        for table in SEEDED + REFERENCES:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
            bar.update()


@dataclass(frozen=True)
class _Seeder:
    """The steps inside the transaction."""

    cursor: Any
    options: SeedOptions
    progress: Progress

    def run(self) -> None:
        # Checked before locking too: a refusal must not block a running server.
        self._refuse_rows()
        database.lock(self.cursor)
        self._refuse_rows()
        dropped = database.drop_structure(self.cursor)
        database.empty(self.cursor)
        self._load()
        self._build_search()
        self._rebuild(dropped)
        # In place of the triggers: count the novels; every cached value is stale.
        self.cursor.execute("SELECT novels_public_counts_correct(), cache_touch('{all}')")

    def _refuse_rows(self) -> None:
        if not self.options.reset and not database.is_empty(self.cursor):
            raise database.DatabaseNotEmpty

    def _load(self) -> None:
        for load in self._loads():
            with database.as_loader(self.cursor):
                # Users are not truncated, so their rows cannot be frozen.
                copy_rows(self.cursor, load, self.progress, freeze=load.table != USERS)
        database.advance_sequences(self.cursor)

    def _loads(self) -> Iterator[Load]:
        """Yield the tables to load, in the order of the foreign keys."""
        options = self.options
        users = database.free_user_ids(self.cursor, options.users)
        yield Load(USERS, partial(user_lines, options, users), len(users))
        images = self._store_images()
        image_lines = [
            line(number, *image.columns.values()) for number, image in enumerate(images, 1)
        ]
        yield Load("comics_image", lambda: image_lines, len(image_lines))
        references = References(users, *database.reference_ids(self.cursor))
        with self.progress.step("owners, sizes", options.novels + options.comics) as bar:
            catalogue = Catalogue(options, references)
            bar.update(options.novels)
            gallery = Gallery(catalogue, [len(image.data) for image in images])
            bar.update(options.comics)
        yield Load(NOVELS, catalogue.novel_lines, options.novels)
        yield Load("novels_processingstatus", catalogue.status_lines, options.novels)
        yield Load(CHAPTERS, catalogue.chapter_lines, catalogue.chapters)
        yield Load("novels_chaptertext", catalogue.text_lines, catalogue.chapters)
        yield Load("comics_comic", gallery.comic_lines, options.comics)
        yield Load("comics_panel", gallery.panel_lines, options.panels)
        places = partial(progress_lines, options, users)
        yield Load("reading_progress", places, count_places(options))

    def _store_images(self) -> list[Picture]:
        """Store the files of the pictures and return what describes them."""
        images = []
        with self.progress.step("pictures", KINDS, " files") as bar:
            for kind in range(KINDS):
                image = picture_read(draw_picture(self.options.seed, kind))
                picture_file_write(image)
                images.append(image)
                bar.update()
        return images

    def _build_search(self) -> None:
        # Without statistics the planner would not use the indexes.
        self.cursor.execute(f"ANALYZE {NOVELS}, {CHAPTERS}, novels_chaptertext")
        novels = self.options.novels
        with self.progress.step(SEARCH, novels, " novels") as bar:
            for first in range(1, novels + 1, NOVELS_PER_STATEMENT):
                last = min(first + NOVELS_PER_STATEMENT - 1, novels)
                with database.as_loader(self.cursor):
                    documents_build_range(self.cursor, first, last)
                bar.update(last - first + 1)

    def _rebuild(self, statements: list[str]) -> None:
        with (
            self.progress.step("indexes, foreign keys", len(statements), " statements") as bar,
            database.row_security_not_forced(self.cursor),
        ):
            for statement in statements:
                self.cursor.execute(statement)
                bar.update()
