"""Sum the pictures of the comics that are there.

As the loader, because row level security hides the rows from the owner of the tables. It may run
beside a server of the version before: a panel that is added meanwhile is missing from the sum.

To recover from an interruption, migrate again: the migration is one transaction. The way back
leaves the sums as they are.
"""

from django.db import migrations

SUMS = """
UPDATE comics_comic SET image_bytes = panels.bytes
FROM (
    SELECT panel.comic_id, sum(image.size_bytes) AS bytes
    FROM comics_panel panel JOIN comics_image image ON image.id = panel.image_id
    GROUP BY panel.comic_id
) panels
WHERE comics_comic.id = panels.comic_id AND image_bytes <> panels.bytes
"""


class Migration(migrations.Migration):
    dependencies = [("comics", "0014_bytes_of_a_comics_pictures")]
    operations = [
        migrations.RunSQL(
            ["SET LOCAL ROLE morpheus_loader", SUMS, "RESET ROLE"],
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
