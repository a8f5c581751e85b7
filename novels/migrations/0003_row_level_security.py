"""The second lock on private novels: PostgreSQL itself shows them to their owner and staff alone.

Conditions use leakproof comparisons only, so that the list indexes still serve.
To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import CALLER, STAFF, row_level_security

OWNED = f"owner_id = {CALLER} OR {STAFF}"
VISIBLE = f"is_public OR {OWNED}"
# Readers find search documents by a function that looks past policies (0004), so only who writes
# them asks this, row by row; publishing would rewrite their index.
NOVEL_IS_VISIBLE = "EXISTS (SELECT FROM novels_novel n WHERE n.id = novel_id)"
NOVEL_IS_OWNED = (
    f"{STAFF} OR EXISTS (SELECT FROM novels_novel n WHERE n.id = novel_id "
    f"AND n.owner_id = {CALLER})"
)


class Migration(migrations.Migration):
    dependencies = [("novels", "0002_foreign_keys")]
    operations = [
        row_level_security("novels_novel", read=VISIBLE, write=OWNED),
        row_level_security("novels_novelupload", read=OWNED, write=OWNED),
        row_level_security("novels_chapter", read=VISIBLE, write=OWNED),
        row_level_security("novels_chaptertext", read=VISIBLE, write=OWNED),
        row_level_security("novels_searchdocument", read=NOVEL_IS_VISIBLE, write=NOVEL_IS_OWNED),
        row_level_security("novels_processingstatus", read=VISIBLE, write=OWNED),
    ]
