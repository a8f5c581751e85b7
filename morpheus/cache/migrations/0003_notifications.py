"""Notify the events process of the tags that event streams depend on, at each commit.

In a new database the function is so already. The previous release calls it as before.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.schema import read_sql_file

_START, _END = "CREATE FUNCTION cache_touch(", "\nEND\n$$;\n"
_function = read_sql_file("morpheus.cache", "outbox")[0].partition(_START)[2].partition(_END)[0]


class Migration(migrations.Migration):
    dependencies = [("cache", "0002_database")]
    operations = [
        # Only its owner may replace it. Without the events process, notifications do nothing.
        migrations.RunSQL(
            [
                "SET LOCAL ROLE morpheus_loader",
                f"CREATE OR REPLACE FUNCTION cache_touch({_function}{_END}",
                "RESET ROLE",
            ],
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
