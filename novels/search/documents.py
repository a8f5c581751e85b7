"""The documents that full-text search reads, written in the database from what it already holds."""

from __future__ import annotations

from typing import Any

from django.db import connection

# A tsvector holds at most 1 MiB, and numbers no position after the 16,383rd. This many characters
# are some 20,000 words of prose, and the oddest words take 8 bytes a character, so that no chapter
# fails (tested). What a longer one says after them is not found.
MAX_INDEXED_CHARS = 120_000

_SPOKEN = """
FROM novels_novel n
LEFT JOIN novels_language l ON l.id = n.language_id
CROSS JOIN LATERAL novels_search_config(l.search_config) config
"""
_OF_NOVELS = f"""
INSERT INTO novels_searchdocument (novel_id, chapter_id, vector)
SELECT n.id, NULL,
    novels_search_vector(config, n.title, 'A')
        || novels_search_vector(config, n.author || ' ' || n.synopsis, 'B')
{_SPOKEN}
WHERE n.id BETWEEN %s AND %s
ORDER BY n.id
"""  # noqa: S608 - the text is the constant above
_OF_CHAPTERS = f"""
INSERT INTO novels_searchdocument (novel_id, chapter_id, vector)
SELECT n.id, c.id,
    novels_search_vector(config, c.title, 'A')
        || novels_search_vector(config, left(t.content, {MAX_INDEXED_CHARS}), 'D')
{_SPOKEN}
JOIN novels_chapter c ON c.novel_id = n.id
JOIN novels_chaptertext t ON t.chapter_id = c.id
WHERE n.id BETWEEN %s AND %s
ORDER BY n.id, c.number
"""  # noqa: S608


def documents_rebuild(*, novel_id: int) -> None:
    """Write the documents of one novel and its chapters anew, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM novels_searchdocument WHERE novel_id = %s", [novel_id])
        documents_build_range(cursor, novel_id, novel_id)


def novel_document_rebuild(*, novel_id: int) -> None:
    """Write the novel's own document anew (title, author, synopsis); its chapters' stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM novels_searchdocument WHERE novel_id = %s AND chapter_id IS NULL",
            [novel_id],
        )
        cursor.execute(_OF_NOVELS, [novel_id, novel_id])


def documents_build_range(cursor: Any, first_id: int, last_id: int) -> None:
    """Add the documents of the novels from `first_id` to `last_id`, which must have none yet.

    For seeding as the loader too: the cursor is Django's or psycopg's.
    """
    cursor.execute(_OF_NOVELS, [first_id, last_id])
    cursor.execute(_OF_CHAPTERS, [first_id, last_id])
