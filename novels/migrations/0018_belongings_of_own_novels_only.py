"""Rows are added to novels of one's own only, and stay there: else errors tell of private novels.

A foreign key is checked past row level security, and a unique index before the foreign key. So a
stranger's INSERT met other errors (or none) for a private novel than for an absent one. Policies
and triggers run before both, and refuse both alike. They do not run for roles that row level
security does not bind (the loader, foreign keys that publish or delete).

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import CALLER, STAFF, insert_of_own, keep_parent

OWN_ROW = f"owner_id = {CALLER}"
OWNED = f"{OWN_ROW} OR {STAFF}"
OWN_NOVEL = (
    "EXISTS (SELECT FROM novels_novel n WHERE n.id = novels_searchdocument.novel_id "
    f"AND n.owner_id = {CALLER})"
)
NOVEL_IS_OWNED = (
    f"{STAFF} OR EXISTS (SELECT FROM novels_novel n WHERE n.id = novel_id "
    f"AND n.owner_id = {CALLER})"
)
KEEP_PARENT = """
CREATE FUNCTION belonging_keep_parent() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'A row stays with the row that it belongs to.';
END
$$
"""


def of_own(table: str, column: str, parent: str) -> migrations.RunSQL:
    return insert_of_own(table, column, parent, owned=OWN_ROW, before=OWNED)


class Migration(migrations.Migration):
    dependencies = [("novels", "0017_tags_of_what_is_shown")]
    operations = [
        migrations.RunSQL(KEEP_PARENT, reverse_sql="DROP FUNCTION belonging_keep_parent()"),
        of_own("novels_novelupload", "novel_id", "novels_novel"),
        keep_parent("novels_novelupload", "novel_id"),
        of_own("novels_chapter", "novel_id", "novels_novel"),
        keep_parent("novels_chapter", "novel_id"),
        of_own("novels_chaptertext", "chapter_id", "novels_chapter"),
        keep_parent("novels_chaptertext", "chapter_id"),
        of_own("novels_processingstatus", "novel_id", "novels_novel"),
        keep_parent("novels_processingstatus", "novel_id"),
        insert_of_own(
            "novels_searchdocument",
            "chapter_id",
            "novels_chapter",
            owned=OWN_NOVEL,
            before=NOVEL_IS_OWNED,
        ),
        keep_parent("novels_searchdocument", "novel_id", "chapter_id"),
    ]
