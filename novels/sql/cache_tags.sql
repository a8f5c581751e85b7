-- Tags that a write to novels and what belongs to them invalidates (docs/caching.md).
--
-- morpheus/cache/sql/triggers.sql says how a query becomes triggers.

-- migrate:up

-- Each public list has a tag per filter, invalidated when a row enters, leaves or moves. An
-- ordering by an editable column has a tag of its own (`/title`, `/word_count`). Chapters, statuses
-- and snippets depend on `novel:<id>/access` alone: the novel's owner, visibility and language. The
-- rows that a deletion cascades to can no longer find their novel, so the novel's own row speaks
-- for them.
CALL cache_tags_create('novels_novel', $$
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('novel:' || id), ('owner:' || o.owner_id || '/novels'), ('owner:' || n.owner_id || '/novels')
) touched (tag)
WHERE o IS DISTINCT FROM n
UNION ALL
SELECT 'novel:' || id || '/access' FROM old_rows o FULL JOIN new_rows n USING (id)
WHERE ROW(o.is_public, o.owner_id, o.language_id)
    IS DISTINCT FROM ROW(n.is_public, n.owner_id, n.language_id)
UNION ALL
SELECT list.tag || ordering FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('',
        ROW(o.is_public, o.genre_id, o.language_id, o.author, o.owner_id, o.created_at)
        IS DISTINCT FROM
        ROW(n.is_public, n.genre_id, n.language_id, n.author, n.owner_id, n.created_at)),
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
) touched (tag, is_stale)
WHERE is_stale
    AND ROW(o.is_public, o.genre_id, o.language_id, o.owner_id)
    IS DISTINCT FROM ROW(n.is_public, n.genre_id, n.language_id, n.owner_id)
$$);

CALL cache_tags_create('novels_chapter', $$
SELECT 'chapters:' || side.novel_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.novel_id), (n.novel_id)) side (novel_id)
WHERE ROW(o.novel_id, o.number, o.title, o.word_count)
    IS DISTINCT FROM ROW(n.novel_id, n.number, n.title, n.word_count)
$$);

CALL cache_tags_create('novels_chaptertext', $$
SELECT 'chapters:' || chapter.novel_id FROM old_rows o FULL JOIN new_rows n USING (chapter_id)
JOIN novels_chapter chapter ON chapter.id = chapter_id
WHERE o.content IS DISTINCT FROM n.content
$$);

CALL cache_tags_create('novels_processingstatus', $$
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (novel_id)
LEFT JOIN novels_novel novel ON novel.id = novel_id
CROSS JOIN LATERAL (VALUES
    ('status:' || novel_id), ('owner:' || novel.owner_id || '/states')
) touched (tag)
WHERE ROW(o.state, o.stage, o.progress, o.message, o.warnings, o.updated_at)
    IS DISTINCT FROM ROW(n.state, n.stage, n.progress, n.message, n.warnings, n.updated_at)
$$);

CALL cache_tags_create('novels_searchdocument', $$
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.novel_id), (n.novel_id)) side (novel_id)
JOIN novels_novel novel ON novel.id = side.novel_id
CROSS JOIN LATERAL (VALUES
    ('search', novel.is_public), ('search:' || novel.owner_id, true)
) touched (tag, is_stale)
WHERE is_stale
    AND ROW(o.novel_id, o.chapter_id, o.vector)
    IS DISTINCT FROM ROW(n.novel_id, n.chapter_id, n.vector)
$$);

-- Nearly every response contains a name or slug of these two, and writes to them are very rare.
CALL cache_tags_create('novels_genre', $$
SELECT 'all' FROM old_rows o FULL JOIN new_rows n USING (id) WHERE o IS DISTINCT FROM n
$$);
CALL cache_tags_create('novels_language', $$
SELECT 'all' FROM old_rows o FULL JOIN new_rows n USING (id) WHERE o IS DISTINCT FROM n
$$);

-- migrate:down
CALL row_change_triggers_drop('novels_language', 'novels_language_tags');
CALL row_change_triggers_drop('novels_genre', 'novels_genre_tags');
CALL row_change_triggers_drop('novels_searchdocument', 'novels_searchdocument_tags');
CALL row_change_triggers_drop('novels_processingstatus', 'novels_processingstatus_tags');
CALL row_change_triggers_drop('novels_chaptertext', 'novels_chaptertext_tags');
CALL row_change_triggers_drop('novels_chapter', 'novels_chapter_tags');
CALL row_change_triggers_drop('novels_novel', 'novels_novel_tags');
