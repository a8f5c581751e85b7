"""Let a novel's own search document be found without reading those of its chapters.

Alone in its migration because CREATE INDEX CONCURRENTLY cannot run in a transaction. To recover
from an interruption, drop the INVALID novels_search_novel_idx, rename novels_search_novel_old back
to it, and migrate again.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

NAME, OLD = "novels_search_novel_idx", "novels_search_novel_old"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("novels", "0015_search_changes_from_the_index")]
    operations = [
        migrations.RenameIndex("searchdocument", old_name=NAME, new_name=OLD),
        AddIndexConcurrently(
            "searchdocument", models.Index(fields=["novel", "chapter"], name=NAME)
        ),
        RemoveIndexConcurrently("searchdocument", OLD),
    ]
