"""Samples of the metrics, for the dashboard's last hour, day and week.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations, models

from morpheus.db.schema import id_column


class Migration(migrations.Migration):
    dependencies = [("perf", "0001_slow_queries")]

    operations = [
        migrations.CreateModel(
            name="MetricsSample",
            fields=[
                ("id", id_column()),
                ("source", models.CharField(max_length=200)),
                ("taken_at", models.DateTimeField()),
                ("figures", models.JSONField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "taken_at"), name="perf_metricssample_source_taken_uq"
                    )
                ],
            },
        ),
    ]
