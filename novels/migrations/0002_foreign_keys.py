"""What belongs to a novel goes with it, by PostgreSQL itself and in one statement.

What readers read of it has its owner and visibility, so that row level security asks one row only.
A user who still owns novels cannot be deleted by accident: the owner's key restricts.
To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import belonging, foreign_key, shown_key


class Migration(migrations.Migration):
    dependencies = [
        ("novels", "0001_novels_and_chapters"),
        ("users", "0002_token_foreign_key"),
    ]
    operations = [
        foreign_key("novels_novel", "owner_id", "users_user", on_delete="RESTRICT"),
        foreign_key("novels_novelupload", "novel_id", "novels_novel", on_delete="CASCADE"),
        foreign_key("novels_novelupload", "owner_id", "users_user", on_delete="RESTRICT"),
        shown_key("novels_novel"),
        belonging("novels_chapter", "novel_id", to="novels_novel"),
        shown_key("novels_chapter"),
        belonging("novels_chaptertext", "chapter_id", to="novels_chapter"),
        belonging("novels_processingstatus", "novel_id", to="novels_novel"),
        foreign_key("novels_searchdocument", "novel_id", "novels_novel", on_delete="CASCADE"),
        foreign_key("novels_searchdocument", "chapter_id", "novels_chapter", on_delete="CASCADE"),
        # Room on each page for new versions of a row that changes every second (HOT updates).
        migrations.RunSQL(
            "ALTER TABLE novels_processingstatus SET (fillfactor = 70)",
            reverse_sql="ALTER TABLE novels_processingstatus RESET (fillfactor)",
        ),
    ]
