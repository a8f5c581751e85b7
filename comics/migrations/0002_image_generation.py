"""A part of the names of images in an object store, where no name is used twice.

The column has a default in the database, so a server of the release before inserts rows as ever.
To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("comics", "0001_comics_and_panels")]

    operations = [
        migrations.AddField(
            model_name="image",
            name="generation",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
    ]
