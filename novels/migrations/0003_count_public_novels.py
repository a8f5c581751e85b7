"""Count the novels that were public before the triggers, without blocking a writer.

A migration of its own: the one before locks the table of novels until it is committed. To recover
from an interruption, migrate again: it may be run at any time.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("novels", "0002_public_counts")]

    operations = [
        migrations.RunSQL(
            ["SELECT novels_public_counts_correct()"], reverse_sql=migrations.RunSQL.noop
        )
    ]
