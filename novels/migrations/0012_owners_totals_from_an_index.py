"""Let the dashboard sum an owner's chapters and words from an index alone.

Before, each novel was read for its number of chapters.

Alone in its migration because CREATE INDEX CONCURRENTLY cannot run in a transaction. To recover
from an interruption, drop the INVALID novels_novel_mine_words_idx, rename
novels_novel_mine_words_old back to it, and migrate again.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

NAME, OLD = "novels_novel_mine_words_idx", "novels_novel_mine_words_old"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("novels", "0011_search_from_the_newest")]
    operations = [
        migrations.RenameIndex("novel", old_name=NAME, new_name=OLD),
        AddIndexConcurrently(
            "novel",
            models.Index(
                fields=["owner", "word_count", "id"],
                include=["is_public", "chapter_count"],
                name=NAME,
            ),
        ),
        RemoveIndexConcurrently("novel", OLD),
    ]
