"""The outbox of invalidated tags, and the procedures that give tables their triggers.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.schema import run_sql_file


class Migration(migrations.Migration):
    initial = True

    operations = [
        run_sql_file("morpheus.cache", "outbox"),
        run_sql_file("morpheus.cache", "triggers"),
    ]
