"""Names, scopes and last uses of tokens.

The columns have defaults in the database, so a server of the release before inserts tokens as ever;
these may write. To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from django.db import migrations, models

from morpheus.db.schema import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("users", "0003_public_profile")]
    operations = [
        migrations.AddField(
            model_name="accesstoken",
            name="name",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="accesstoken",
            name="prefix",
            field=models.CharField(blank=True, db_default="", default="", max_length=8),
        ),
        migrations.AddField(
            model_name="accesstoken",
            name="can_write",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name="accesstoken", name="last_used_at", field=models.DateTimeField(null=True)
        ),
        run_sql_file("users", "token_scopes"),
    ]
