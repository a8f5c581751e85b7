"""Seed a database from start to end.

Everything is one transaction: a seeded database is whole, and one whose seeding was interrupted,
in whatever way, is as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from functools import partial
from typing import Any

from django.db import connection, transaction

from comics.images import image_file_store
from morpheus.db.roles import connected_as
from novels.search.documents import documents_build_range

from . import database, structure
from .catalogue import Catalogue, Ground
from .gallery import Gallery
from .lines import line
from .loading import load_rows
from .options import SeedOptions
from .pictures import KINDS, picture
from .progress import Progress
from .readers import reader_lines
from .tables import REFERENCES, SEARCH, SEEDED, USERS, Load

NOVELS, CHAPTERS = "novels_novel", "novels_chapter"

# Measured: 12,000 novels' indexes are built in 6 s; filling them takes 7 s for each 1,000 novels.
REBUILD_FROM_SHARE = 0.1

# Novels whose search documents one statement makes: short enough for a bar that moves.
NOVELS_PER_STATEMENT = 50


def database_is_empty() -> bool:
    """Return whether only operators and reference tables have rows."""
    with connected_as("owner"), transaction.atomic(), connection.cursor() as cursor:
        return database.is_empty(cursor)


def seed(options: SeedOptions, progress: Progress) -> None:
    """Fill the database as `options` say; the times are in `progress.steps`. Then `vacuum` it.

    Raises:
        DatabaseNotEmpty: There are rows, and `options.mode` does not say what to do with them.
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


class _Seeder:
    """The steps inside the transaction."""

    def __init__(self, cursor: Any, options: SeedOptions, progress: Progress) -> None:
        self.cursor = cursor
        self.options = options
        self.progress = progress
        # Only emptied tables can take frozen rows.
        self.anew = options.mode != "append"

    def run(self) -> None:
        rebuilds = self._take_hold()
        dropped = structure.drop(self.cursor) if rebuilds else None
        if self.anew:
            database.empty(self.cursor)
        self._load()
        self._build_search()
        if dropped:
            self._rebuild(dropped)
            # In place of the triggers: every cached value is of other rows.
            self.cursor.execute("SELECT cache_touch('{all}')")

    def _take_hold(self) -> bool:
        """Lock the tables; return whether to rebuild indexes rather than fill them row by row."""
        # Checked before locking too: a refusal must not block a running server.
        self._refuse_unless_wanted()
        rebuilds = self.anew or self._is_much()
        database.lock(self.cursor, exclusively=rebuilds)
        self._refuse_unless_wanted()
        return rebuilds

    def _is_much(self) -> bool:
        """Return whether so many rows are appended that rebuilding the indexes pays."""
        return self.options.novels >= REBUILD_FROM_SHARE * database.count(self.cursor, NOVELS)

    def _refuse_unless_wanted(self) -> None:
        if self.options.mode == "empty" and not database.is_empty(self.cursor):
            raise database.DatabaseNotEmpty

    def _load(self) -> None:
        for load in self.loads():
            with database.as_loader(self.cursor):
                freeze = self.anew and load.table != USERS
                load_rows(self.cursor, load, self.progress, freeze=freeze)
        database.advance_sequences(self.cursor)

    def loads(self) -> Iterator[Load]:
        """Yield the tables to load, in the order of the foreign keys."""
        options = self.options
        users = database.free_user_ids(self.cursor, options.users, append=not self.anew)
        yield Load(USERS, partial(reader_lines, options, users), len(users))
        images, sizes, image_lines = self._images()
        yield Load("comics_image", lambda: image_lines, len(image_lines))
        ground = Ground(users, *database.reference_ids(self.cursor))
        with self.progress.step("owners, sizes", options.novels + options.comics) as bar:
            catalogue = Catalogue(
                options,
                ground,
                first_novel=self._first(NOVELS),
                first_chapter=self._first(CHAPTERS),
            )
            bar.update(options.novels)
            gallery = Gallery(
                catalogue,
                images,
                sizes,
                first_comic=self._first("comics_comic"),
                first_panel=self._first("comics_panel"),
            )
            bar.update(options.comics)
        yield Load(NOVELS, catalogue.novel_lines, options.novels)
        yield Load("novels_processingstatus", catalogue.status_lines, options.novels)
        yield Load(CHAPTERS, catalogue.chapter_lines, catalogue.chapters)
        yield Load("novels_chaptertext", catalogue.text_lines, catalogue.chapters)
        yield Load("comics_comic", gallery.comic_lines, options.comics)
        yield Load("comics_panel", gallery.panel_lines, options.panels)

    def _first(self, table: str) -> int:
        return database.first_free_id(self.cursor, table)

    def _images(self) -> tuple[list[int], list[int], list[str]]:
        """Put the picture files in place; return ids, sizes, and lines for missing ones."""
        with self.progress.step("pictures", KINDS, " files") as bar:
            stored = []
            for kind in range(KINDS):
                stored.append(image_file_store(picture(self.options.seed, kind)))
                bar.update()
        ids = database.image_ids(self.cursor, [image.digest for image in stored])
        missing: list[str] = []
        next_id = self._first("comics_image")
        for image in stored:
            if image.digest not in ids:
                ids[image.digest] = next_id
                missing.append(line(next_id, *astuple(image)))
                next_id += 1
        sizes = [image.size_bytes for image in stored]
        return [ids[image.digest] for image in stored], sizes, missing

    def _build_search(self) -> None:
        # Without statistics the planner would not use the indexes.
        self.cursor.execute(f"ANALYZE {NOVELS}, {CHAPTERS}, novels_chaptertext")
        last = self._first(NOVELS) - 1
        first_of_all = last - self.options.novels + 1
        with self.progress.step(SEARCH, self.options.novels, " novels") as bar:
            for first in range(first_of_all, last + 1, NOVELS_PER_STATEMENT):
                upto = min(first + NOVELS_PER_STATEMENT - 1, last)
                with database.as_loader(self.cursor):
                    documents_build_range(self.cursor, first, upto)
                bar.update(upto - first + 1)

    def _rebuild(self, dropped: structure.Structure) -> None:
        statements = [*dropped.indexes, *dropped.foreign_keys, *dropped.triggers]
        with (
            self.progress.step("indexes, foreign keys", len(statements), " statements") as bar,
            structure.row_security_not_forced(self.cursor),
        ):
            for statement in statements:
                self.cursor.execute(statement)
                bar.update()
