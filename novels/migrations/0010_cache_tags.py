"""Novels and what belongs to them say what a write to them makes stale, whoever writes.

Of public lists there is a tag per filter, for who is in them and in which order; orderings by what
is edited have a tag of their own (`/title`, `/word_count`). What a deleted novel takes along by its
foreign keys cannot find it any more, so the novel speaks for it.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.triggers import cache_tags, changed

IN_LISTS = changed("is_public", "genre_id", "language_id", "author", "owner_id", "created_at")
IN_SEARCHES = changed("is_public", "genre_id", "language_id", "owner_id")
NOVEL = f"""
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('novel:' || id), ('owner:' || o.owner_id), ('owner:' || n.owner_id)
) said (tag)
WHERE o IS DISTINCT FROM n
UNION ALL
SELECT list.tag || ordering FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('', {IN_LISTS}),
    ('/title', o.is_public AND n.is_public AND o.title <> n.title),
    ('/word_count', o.is_public AND n.is_public AND o.word_count <> n.word_count)
) stale (ordering, is_stale)
CROSS JOIN LATERAL (VALUES
    (o.is_public, o.genre_id, o.language_id, o.author, o.owner_id),
    (n.is_public, n.genre_id, n.language_id, n.author, n.owner_id)
) side (is_public, genre, language, author, owner)
CROSS JOIN LATERAL (VALUES
    ('novels:all'),
    ('novels:genre:' || side.genre),
    ('novels:language:' || side.language),
    ('novels:pair:' || side.genre || ':' || side.language),
    ('novels:author:' || md5(side.author)),
    ('novels:owner:' || side.owner)
) list (tag)
WHERE is_stale AND side.is_public
UNION ALL
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('search', o.is_public OR n.is_public),
    ('search:' || o.owner_id, true),
    ('search:' || n.owner_id, true)
) said (tag, is_stale)
WHERE is_stale AND {IN_SEARCHES}
"""
CHAPTER = f"""
SELECT 'chapters:' || side.novel_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.novel_id), (n.novel_id)) side (novel_id)
WHERE {changed("novel_id", "number", "title", "word_count")}
"""
TEXT = f"""
SELECT 'chapters:' || chapter.novel_id FROM old_rows o FULL JOIN new_rows n USING (chapter_id)
JOIN novels_chapter chapter ON chapter.id = chapter_id
WHERE {changed("content")}
"""
STATUS = f"""
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (novel_id)
LEFT JOIN novels_novel novel ON novel.id = novel_id
CROSS JOIN LATERAL (VALUES ('status:' || novel_id), ('owner:' || novel.owner_id)) said (tag)
WHERE {changed("state", "stage", "progress", "message", "updated_at")}
"""
DOCUMENT = f"""
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.novel_id), (n.novel_id)) side (novel_id)
JOIN novels_novel novel ON novel.id = side.novel_id
CROSS JOIN LATERAL (VALUES
    ('search', novel.is_public), ('search:' || novel.owner_id, true)
) said (tag, is_stale)
WHERE is_stale AND {changed("novel_id", "chapter_id", "vector")}
"""
# Their names and slugs are in nearly every answer, and they are hardly ever written.
REFERENCE = """
SELECT 'all' FROM old_rows o FULL JOIN new_rows n USING (id) WHERE o IS DISTINCT FROM n
"""


class Migration(migrations.Migration):
    dependencies = [("cache", "0001_outbox_and_touch"), ("novels", "0005_public_owner")]
    operations = [
        cache_tags("novels_novel", NOVEL),
        cache_tags("novels_chapter", CHAPTER),
        cache_tags("novels_chaptertext", TEXT),
        cache_tags("novels_processingstatus", STATUS),
        cache_tags("novels_searchdocument", DOCUMENT),
        cache_tags("novels_genre", REFERENCE),
        cache_tags("novels_language", REFERENCE),
    ]
