"""The leases by which workers show that they are alive.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.schema import run_sql_file


class Migration(migrations.Migration):
    initial = True

    operations = [run_sql_file("morpheus.worker", "leases")]
