"""Deletions of accounts and exports of users' data: two new tables.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from morpheus.db.schema import id_column, reference, reference_as_key, run_sql_file

STATES = [
    ("pending", "Pending"),
    ("processing", "Processing"),
    ("completed", "Completed"),
    ("failed", "Failed"),
]


class Migration(migrations.Migration):
    dependencies = [("users", "0006_confirmed_emails")]
    operations = [
        migrations.CreateModel(
            name="AccountDeletion",
            fields=[
                ("user", reference_as_key(settings.AUTH_USER_MODEL, related_name="deletion")),
                ("requested_at", models.DateTimeField(default=timezone.now)),
            ],
            options={"db_table": "users_deletion"},
        ),
        migrations.CreateModel(
            name="AccountExport",
            fields=[
                ("id", id_column()),
                ("state", models.CharField(choices=STATES, default="pending", max_length=10)),
                ("progress", models.PositiveSmallIntegerField(default=0)),
                ("message", models.CharField(blank=True, default="", max_length=200)),
                ("path", models.CharField(blank=True, default="", max_length=100)),
                ("size_bytes", models.PositiveBigIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("user", reference(settings.AUTH_USER_MODEL, related_name="exports")),
            ],
            options={
                "db_table": "users_export",
                "indexes": [models.Index(fields=["expires_at"], name="users_export_expiry_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("user",), name="users_export_user_uq")
                ],
            },
        ),
        run_sql_file("users", "accounts"),
    ]
