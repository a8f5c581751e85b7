"""Say more exactly what a write to novels makes stale.

A new synopsis ended all chapters that were kept of the novel, and a step of a parse all lists of
its owner's novels and comics. Chapters, states and snippets need to know for whom and in which
language a novel is; what an owner sees of their own is told apart by novels, states and comics.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from importlib import import_module

from django.db import migrations

from morpheus.db.operations import replaced
from morpheus.db.triggers import cache_tags_again, changed

before = import_module("novels.migrations.0010_cache_tags")


OLD = """
    ('novel:' || id), ('owner:' || o.owner_id), ('owner:' || n.owner_id)
) said (tag)
WHERE o IS DISTINCT FROM n
"""
NEW = f"""
    ('novel:' || id), ('owner:' || o.owner_id || '/novels'), ('owner:' || n.owner_id || '/novels')
) said (tag)
WHERE o IS DISTINCT FROM n
UNION ALL
SELECT 'novel:' || id || '/access' FROM old_rows o FULL JOIN new_rows n USING (id)
WHERE {changed("is_public", "owner_id", "language_id")}
"""
NOVEL = replaced(before.NOVEL, (OLD, NEW))
STATUS = replaced(
    before.STATUS, ("('owner:' || novel.owner_id)", "('owner:' || novel.owner_id || '/states')")
)


class Migration(migrations.Migration):
    dependencies = [("novels", "0016_search_documents_of_a_novel")]
    operations = [
        cache_tags_again("novels_novel", NOVEL, before=before.NOVEL),
        cache_tags_again("novels_processingstatus", STATUS, before=before.STATUS),
    ]
