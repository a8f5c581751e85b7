"""Give a comic the size of its panels' pictures, as it has their number.

To compare what an owner keeps with the quota, each panel and its picture would be read otherwise.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("comics", "0013_comics_of_visible_novels_only")]
    operations = [
        migrations.AddField(
            "comic",
            "image_bytes",
            models.PositiveBigIntegerField(default=0, db_default=0, editable=False),
        ),
    ]
