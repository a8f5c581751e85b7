"""Say more exactly what a write to comics makes stale.

A new title ended all pages of panels and the thumbnails that were kept of the comic.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from importlib import import_module

from django.db import migrations

from morpheus.db.operations import replaced
from morpheus.db.triggers import cache_tags_again, changed

before = import_module("comics.migrations.0010_cache_tags")


OLD = """
    ('comic:' || id), ('owner:' || o.owner_id), ('owner:' || n.owner_id)
) said (tag)
WHERE o IS DISTINCT FROM n
"""
NEW = f"""
    ('comic:' || id), ('owner:' || o.owner_id || '/comics'), ('owner:' || n.owner_id || '/comics')
) said (tag)
WHERE o IS DISTINCT FROM n
UNION ALL
SELECT 'comic:' || id || part FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('/access', {changed("is_public", "owner_id")}),
    ('/cover', {changed("is_public", "owner_id", "cover_id")})
) stale (part, is_stale)
WHERE is_stale
"""
COMIC = replaced(before.COMIC, (OLD, NEW))
RENDITION = """
SELECT 'comic:' || comic.id || part FROM old_rows o FULL JOIN new_rows n USING (id)
JOIN comics_comic comic ON comic.cover_id = o.image_id
CROSS JOIN (VALUES (''), ('/cover')) of (part)
WHERE o IS DISTINCT FROM n
"""


class Migration(migrations.Migration):
    dependencies = [("comics", "0011_owners_totals_from_an_index")]
    operations = [
        cache_tags_again("comics_comic", COMIC, before=before.COMIC),
        cache_tags_again("comics_rendition", RENDITION, before=before.RENDITION),
    ]
