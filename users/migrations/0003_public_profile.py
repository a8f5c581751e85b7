"""A view of the profiles of active users, for GET /users/{id}/: row level security hides the table.

The release before does not know the view. To recover from an interruption, migrate again: the
migration is one transaction.
"""

from django.db import migrations, models

from morpheus.db.schema import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("users", "0002_withheld_grants")]

    operations = [
        migrations.CreateModel(
            name="PublicProfile",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("display_name", models.CharField(max_length=80)),
                ("bio", models.TextField(max_length=2000)),
                ("date_joined", models.DateTimeField()),
            ],
            options={"managed": False, "default_permissions": ()},
        ),
        run_sql_file("users", "public_profile"),
    ]
