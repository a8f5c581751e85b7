"""Let the pictures of an owner's comics be summed from an index alone.

Alone in its migration because CREATE INDEX CONCURRENTLY cannot run in a transaction. To recover
from an interruption, drop the INVALID comics_comic_mine_newest_idx, rename
comics_comic_mine_newest_old back to it, and migrate again.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

NAME, OLD = "comics_comic_mine_newest_idx", "comics_comic_mine_newest_old"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("comics", "0015_bytes_of_pictures_that_are_there")]
    operations = [
        migrations.RenameIndex("comic", old_name=NAME, new_name=OLD),
        AddIndexConcurrently(
            "comic",
            models.Index(
                fields=["owner", "created_at", "id"],
                include=["is_public", "panel_count", "image_bytes"],
                name=NAME,
            ),
        ),
        RemoveIndexConcurrently("comic", OLD),
    ]
