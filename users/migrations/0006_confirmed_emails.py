"""Confirmed and pending e-mail addresses, which a user sees of themselves.

The columns have defaults in the database, so a server of the release before inserts users as ever.
The triggers compare the new columns from now on, for both releases. To recover from an
interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from django.db import migrations, models

from morpheus.db.schema import read_sql_file

_UP, _DOWN = read_sql_file("users", "cache_tags")


class Migration(migrations.Migration):
    dependencies = [("users", "0005_token_list_index")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="confirmed_email",
            field=models.EmailField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.AddField(
            model_name="user",
            name="pending_email",
            field=models.EmailField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.RunSQL([_DOWN, _UP], reverse_sql=migrations.RunSQL.noop),
    ]
