"""The identity of the database that the cache was filled from.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.schema import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("cache", "0001_outbox_and_triggers")]
    operations = [run_sql_file("morpheus.cache", "database")]
