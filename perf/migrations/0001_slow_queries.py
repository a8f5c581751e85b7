"""Slow statements with their plans, for staff alone.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations, models
from django.db.models.functions import Now

from morpheus.db.schema import id_column, run_sql_file


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="SlowQuery",
            fields=[
                ("id", id_column()),
                ("fingerprint", models.CharField(max_length=16)),
                ("kind", models.CharField(max_length=10)),
                ("statement", models.TextField()),
                ("route", models.CharField(max_length=300)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("worst_ms", models.FloatField()),
                ("last_ms", models.FloatField()),
                ("count", models.PositiveBigIntegerField()),
                ("first_seen", models.DateTimeField(db_default=Now())),
                ("last_seen", models.DateTimeField(db_default=Now())),
                ("plan", models.JSONField(null=True)),
                ("plan_note", models.CharField(blank=True, max_length=200)),
                ("planned_at", models.DateTimeField(null=True)),
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
        run_sql_file("perf", "policies"),
    ]
