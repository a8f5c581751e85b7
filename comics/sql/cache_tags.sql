-- Tags that a write to comics and what belongs to them invalidates (docs/caching.md).
--
-- morpheus/cache/sql/triggers.sql says how a query becomes triggers; novels/sql/cache_tags.sql
-- explains the tags of lists.

-- migrate:up
CALL cache_tags_create('comics_comic', $$
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('comic:' || id), ('owner:' || o.owner_id || '/comics'), ('owner:' || n.owner_id || '/comics')
) touched (tag)
WHERE o IS DISTINCT FROM n
UNION ALL
SELECT 'comic:' || id || part FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('/access', ROW(o.is_public, o.owner_id) IS DISTINCT FROM ROW(n.is_public, n.owner_id)),
    ('/cover',
        ROW(o.is_public, o.owner_id, o.cover_id)
        IS DISTINCT FROM ROW(n.is_public, n.owner_id, n.cover_id))
) stale (part, is_stale)
WHERE is_stale
UNION ALL
SELECT list.tag || ordering FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('',
        ROW(o.is_public, o.novel_id, o.owner_id, o.created_at)
        IS DISTINCT FROM ROW(n.is_public, n.novel_id, n.owner_id, n.created_at)),
    ('/title', o.is_public AND n.is_public AND o.title <> n.title)
) stale (ordering, is_stale)
CROSS JOIN LATERAL (VALUES
    (o.is_public, o.novel_id, o.owner_id), (n.is_public, n.novel_id, n.owner_id)
) side (is_public, novel, owner)
CROSS JOIN LATERAL (VALUES
    ('comics:all'), ('comics:novel:' || side.novel), ('comics:owner:' || side.owner)
) list (tag)
WHERE is_stale AND side.is_public
$$);

CALL cache_tags_create('comics_panel', $$
SELECT 'panels:' || side.comic_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.comic_id), (n.comic_id)) side (comic_id)
WHERE ROW(o.comic_id, o.number, o.caption, o.image_id)
    IS DISTINCT FROM ROW(n.comic_id, n.number, n.caption, n.image_id)
$$);

-- Images and their smaller copies never change, and nothing cached depends on a new one. An
-- operator may correct one by hand: an image may be in any comic, and a copy belongs to the comics
-- with this cover.
CALL cache_tags_create('comics_image', $$
SELECT 'all' FROM old_rows o FULL JOIN new_rows n USING (id)
WHERE ROW(o.digest, o.media_type, o.width, o.height)
    IS DISTINCT FROM ROW(n.digest, n.media_type, n.width, n.height)
$$, '{UPDATE,TRUNCATE}');

CALL cache_tags_create('comics_rendition', $$
SELECT 'comic:' || comic.id || part FROM old_rows o FULL JOIN new_rows n USING (id)
JOIN comics_comic comic ON comic.cover_id = o.image_id
CROSS JOIN (VALUES (''), ('/cover')) of (part)
WHERE o IS DISTINCT FROM n
$$, '{UPDATE,DELETE,TRUNCATE}');

-- migrate:down
CALL row_change_triggers_drop('comics_rendition', 'comics_rendition_tags');
CALL row_change_triggers_drop('comics_image', 'comics_image_tags');
CALL row_change_triggers_drop('comics_panel', 'comics_panel_tags');
CALL row_change_triggers_drop('comics_comic', 'comics_comic_tags');
