"""No statement of a stranger meets another error for a private row than for an absent one."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from morpheus.db.transactions import write_transaction
from tests.rls.conftest import connect, rolled_back, rows_make

NOWHERE = 10**9
# Rows that Bob adds with his own name to Ann's rows; `{id}` is of her private row or of none.
ADDED = {
    "comic of a novel": "INSERT INTO comics_comic "
    "(title, novel_id, owner_id, is_public, panel_count, created_at, updated_at) "
    "VALUES ('Mine', {novel}, {bob}, false, 0, now(), now())",
    "upload": "INSERT INTO novels_novelupload "
    "(novel_id, owner_id, digest, filename, path, size_bytes, uploaded_at) "
    "VALUES ({novel}, {bob}, repeat('f', 64), 'a.txt', 'a', 1, now())",
    "chapter": "INSERT INTO novels_chapter "
    "(novel_id, number, title, word_count, owner_id, is_public) "
    "VALUES ({novel}, {number}, 'Mine', 0, {bob}, false)",
    "text": "INSERT INTO novels_chaptertext (chapter_id, content, owner_id, is_public) "
    "VALUES ({chapter}, 'Mine', {bob}, false)",
    "processing status": "INSERT INTO novels_processingstatus "
    "(novel_id, state, stage, progress, message, updated_at, owner_id, is_public) "
    "VALUES ({novel}, 'pending', '', 0, '', now(), {bob}, false)",
    "search document": "INSERT INTO novels_searchdocument (novel_id, chapter_id, vector) "
    "VALUES ({novel}, NULL, '')",
    "search document of a chapter": "INSERT INTO novels_searchdocument "
    "(novel_id, chapter_id, vector) VALUES ({own_novel}, {chapter}, '')",
    "panel": "INSERT INTO comics_panel "
    "(comic_id, number, caption, image_id, owner_id, is_public) "
    "VALUES ({comic}, {number}, '', {image}, {bob}, false)",
    "progress in a novel": "INSERT INTO reading_progress "
    "(user_id, novel_id, number, position, is_finished, read_at) "
    "VALUES ({bob}, {novel}, {number}, 0, false, now())",
    "progress in a comic": "INSERT INTO reading_progress "
    "(user_id, comic_id, number, position, is_finished, read_at) "
    "VALUES ({bob}, {comic}, {number}, 0, false, now())",
}
# Rows of Bob's that he moves to Ann's novels and comics.
MOVED = {
    "comic": "UPDATE comics_comic SET novel_id = {novel} WHERE owner_id = {bob}",
    "upload": "UPDATE novels_novelupload SET novel_id = {novel} WHERE owner_id = {bob}",
    "chapter": "UPDATE novels_chapter SET novel_id = {novel} WHERE owner_id = {bob}",
    "text": "UPDATE novels_chaptertext SET chapter_id = {chapter} WHERE owner_id = {bob}",
    "processing status": "UPDATE novels_processingstatus SET novel_id = {novel} "
    "WHERE owner_id = {bob}",
    "search document": "UPDATE novels_searchdocument SET novel_id = {novel} "
    "WHERE novel_id = {own_novel}",
    "search document of a chapter": "UPDATE novels_searchdocument SET chapter_id = {chapter} "
    "WHERE novel_id = {own_novel} AND chapter_id IS NULL",
    "panel": "UPDATE comics_panel SET comic_id = {comic} WHERE owner_id = {bob}",
    "progress in a novel": "UPDATE reading_progress SET novel_id = {novel} "
    "WHERE user_id = {bob} AND novel_id IS NOT NULL",
    "progress in a comic": "UPDATE reading_progress SET comic_id = {comic} "
    "WHERE user_id = {bob} AND comic_id IS NOT NULL",
}
STATEMENTS = {
    **{f"added {name}": sql for name, sql in ADDED.items()},
    **{
        f"added {name}, unless there": f"{sql} ON CONFLICT DO NOTHING"
        for name, sql in ADDED.items()
    },
    **{f"moved {name}": sql for name, sql in MOVED.items()},
}


@pytest.fixture(scope="module")
def ids(people: Any, django_db_blocker: Any) -> Any:
    """Ids of Ann's private rows, and of rows of Bob's own."""
    with django_db_blocker.unblock(), write_transaction(as_user=people["bob"].pk):
        rows_make(people["bob"], False)
    with connect("loader") as loader:
        return {"bob": people["bob"].pk} | {
            name: (loader.execute(query, [people[owner].pk]).fetchone() or [None])[0]
            for name, owner, query in (
                (
                    "novel",
                    "ann",
                    "SELECT id FROM novels_novel WHERE owner_id = %s AND NOT is_public",
                ),
                ("own_novel", "bob", "SELECT id FROM novels_novel WHERE owner_id = %s"),
                (
                    "chapter",
                    "ann",
                    "SELECT id FROM novels_chapter WHERE owner_id = %s AND NOT is_public",
                ),
                (
                    "comic",
                    "ann",
                    "SELECT id FROM comics_comic WHERE owner_id = %s AND NOT is_public",
                ),
                ("image", "ann", "SELECT image_id FROM comics_panel WHERE owner_id = %s"),
            )
        }


def outcome(ids: Any, statement: Any) -> Any:
    """Return what Bob is told: the rows that changed, or the error without the ids in it."""
    with connect("app", ids["bob"]) as opened, rolled_back(opened):
        try:
            rows = opened.execute(statement).rowcount
            opened.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return rows
        except psycopg.Error as error:
            return error.sqlstate, re.sub(r"\d+", "…", str(error)), error.diag.constraint_name


@pytest.mark.parametrize("number", [1, 99])
@pytest.mark.parametrize("way", STATEMENTS)
def test_a_private_row_is_refused_as_one_that_is_not_there(ids: Any, way: Any, number: Any) -> None:
    absent = ids | dict.fromkeys(("novel", "chapter", "comic"), NOWHERE)

    private = outcome(ids, STATEMENTS[way].format(**ids, number=number))

    assert isinstance(private, tuple), private
    assert private == outcome(ids, STATEMENTS[way].format(**absent, number=number))
