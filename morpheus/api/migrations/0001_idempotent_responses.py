"""The responses to POSTs with an `Idempotency-Key`, private to their users.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from morpheus.db.schema import id_column, reference, run_sql_file


class Migration(migrations.Migration):
    initial = True

    dependencies = [("users", "0001_users_and_tokens")]

    operations = [
        migrations.CreateModel(
            name="IdempotentResponse",
            fields=[
                ("id", id_column()),
                ("key", models.BinaryField(max_length=32)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("status", models.PositiveSmallIntegerField()),
                ("headers", models.JSONField()),
                ("body", models.BinaryField()),
                ("created_at", models.DateTimeField(default=timezone.now)),
                ("user", reference(settings.AUTH_USER_MODEL)),
            ],
            options={
                "db_table": "api_idempotent_response",
                "indexes": [models.Index(fields=["created_at"], name="api_idempotent_created_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "key"), name="api_idempotent_user_key_uq"
                    )
                ],
            },
        ),
        run_sql_file("morpheus.api", "idempotent_responses"),
    ]
