"""Comics and what belongs to them say what a write to them makes stale, whoever writes.

Images and their smaller copies are known by their content and never change: a new one is stale for
nobody, because it is seen only by a panel, or by its own digest. Should somebody correct one by
hand, or delete a copy, the comics with this cover say so; a changed image may be in any comic.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.triggers import cache_tags, changed

COMIC = f"""
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('comic:' || id), ('owner:' || o.owner_id), ('owner:' || n.owner_id)
) said (tag)
WHERE o IS DISTINCT FROM n
UNION ALL
SELECT list.tag || ordering FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('', {changed("is_public", "novel_id", "owner_id", "created_at")}),
    ('/title', o.is_public AND n.is_public AND o.title <> n.title)
) stale (ordering, is_stale)
CROSS JOIN LATERAL (VALUES
    (o.is_public, o.novel_id, o.owner_id), (n.is_public, n.novel_id, n.owner_id)
) side (is_public, novel, owner)
CROSS JOIN LATERAL (VALUES
    ('comics:all'), ('comics:novel:' || side.novel), ('comics:owner:' || side.owner)
) list (tag)
WHERE is_stale AND side.is_public
"""
PANEL = f"""
SELECT 'panels:' || side.comic_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.comic_id), (n.comic_id)) side (comic_id)
WHERE {changed("comic_id", "number", "caption", "image_id")}
"""
IMAGE = f"""
SELECT 'all' FROM old_rows o FULL JOIN new_rows n USING (id)
WHERE {changed("digest", "media_type", "width", "height")}
"""
RENDITION = """
SELECT 'comic:' || comic.id FROM old_rows o FULL JOIN new_rows n USING (id)
JOIN comics_comic comic ON comic.cover_id = o.image_id
WHERE o IS DISTINCT FROM n
"""


class Migration(migrations.Migration):
    dependencies = [("cache", "0001_outbox_and_touch"), ("comics", "0004_public_owner")]
    operations = [
        cache_tags("comics_comic", COMIC),
        cache_tags("comics_panel", PANEL),
        cache_tags("comics_image", IMAGE, on=["UPDATE", "TRUNCATE"]),
        cache_tags("comics_rendition", RENDITION, on=["UPDATE", "DELETE", "TRUNCATE"]),
    ]
