"""The second lock on private novels: PostgreSQL itself shows them to their owner and staff alone.

Conditions use leakproof comparisons only, so that the list indexes still serve.
To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import CALLER, STAFF, row_level_security

OWNED = f"owner_id = {CALLER} OR {STAFF}"
NOVEL_IS_VISIBLE = "EXISTS (SELECT FROM novels_novel n WHERE n.id = novel_id)"
NOVEL_IS_OWNED = (
    f"{STAFF} OR EXISTS (SELECT FROM novels_novel n WHERE n.id = novel_id "
    f"AND n.owner_id = {CALLER})"
)
CHAPTER_IS_VISIBLE = "EXISTS (SELECT FROM novels_chapter c WHERE c.id = chapter_id)"
CHAPTER_IS_OWNED = (
    f"{STAFF} OR EXISTS (SELECT FROM novels_chapter c JOIN novels_novel n ON n.id = c.novel_id "
    f"WHERE c.id = chapter_id AND n.owner_id = {CALLER})"
)


class Migration(migrations.Migration):
    dependencies = [("novels", "0002_foreign_keys")]
    operations = [
        row_level_security("novels_novel", read=f"is_public OR {OWNED}", write=OWNED),
        row_level_security("novels_novelupload", read=OWNED, write=OWNED),
        row_level_security("novels_chapter", read=NOVEL_IS_VISIBLE, write=NOVEL_IS_OWNED),
        row_level_security("novels_chaptertext", read=CHAPTER_IS_VISIBLE, write=CHAPTER_IS_OWNED),
        row_level_security("novels_searchdocument", read=NOVEL_IS_VISIBLE, write=NOVEL_IS_OWNED),
        row_level_security("novels_processingstatus", read=NOVEL_IS_VISIBLE, write=NOVEL_IS_OWNED),
    ]
