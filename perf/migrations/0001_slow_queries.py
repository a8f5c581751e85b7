"""Slow statements with their plans; only staff see them, though there are no values in them.

To recover from an interruption, migrate again: the migration is one transaction.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

from morpheus.db.operations import STAFF, row_level_security


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="SlowQuery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fingerprint", models.CharField(max_length=16)),
                ("kind", models.CharField(max_length=10)),
                ("statement", models.TextField()),
                ("route", models.CharField(max_length=300)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("worst_ms", models.FloatField()),
                ("last_ms", models.FloatField()),
                ("count", models.PositiveBigIntegerField()),
                (
                    "first_seen",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "last_seen",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("plan", models.JSONField(null=True)),
                ("plan_note", models.CharField(blank=True, max_length=200)),
                ("planned_at", models.DateTimeField(null=True)),
                ("alerted_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "slow query",
                "verbose_name_plural": "slow queries",
                "indexes": [
                    models.Index(fields=["-last_seen", "-id"], name="perf_slowquery_last_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("fingerprint", "route"), name="perf_slowquery_fingerprint_route_uq"
                    )
                ],
            },
        ),
        row_level_security("perf_slowquery", read=STAFF, write=STAFF),
    ]
