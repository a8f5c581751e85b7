"""What belongs to a comic goes with it; a comic outlives its novel, without naming it any more.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import belonging, foreign_key, shown_key


class Migration(migrations.Migration):
    dependencies = [
        ("comics", "0001_comics_and_panels"),
        ("novels", "0002_foreign_keys"),
    ]
    operations = [
        foreign_key("comics_rendition", "image_id", "comics_image", on_delete="CASCADE"),
        foreign_key("comics_comic", "novel_id", "novels_novel", on_delete="SET NULL"),
        foreign_key("comics_comic", "owner_id", "users_user", on_delete="RESTRICT"),
        foreign_key("comics_comic", "cover_id", "comics_image", on_delete="RESTRICT"),
        shown_key("comics_comic"),
        belonging("comics_panel", "comic_id", to="comics_comic"),
        foreign_key("comics_panel", "image_id", "comics_image", on_delete="RESTRICT"),
    ]
