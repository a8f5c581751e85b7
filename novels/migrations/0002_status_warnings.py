"""Let a processing status say what an import left out or repaired.

The column has a default in the database, so that no row is rewritten. The trigger is created anew
because it compares the columns. To recover from an interruption, migrate again: the migration is
one transaction.
"""

from django.db import migrations, models

from morpheus.db.operations import read_sql_file


class Migration(migrations.Migration):
    dependencies = [("novels", "0001_novels")]

    operations = [
        migrations.AddField(
            model_name="processingstatus",
            name="warnings",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], output_field=models.JSONField()),
                default=list,
            ),
        ),
        migrations.RunSQL(
            [*reversed(read_sql_file("novels", "cache_tags"))], reverse_sql=migrations.RunSQL.noop
        ),
    ]
