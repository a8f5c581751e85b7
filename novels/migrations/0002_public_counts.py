"""Numbers of public novels by genre and language, kept by triggers; the next migration fills them.

A server of the release before fires the triggers too, and reads no number. To recover from an
interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations, models

from morpheus.db.schema import id_column, reference, run_sql_file


class Migration(migrations.Migration):
    dependencies = [("novels", "0001_novels")]

    operations = [
        migrations.CreateModel(
            name="PublicCount",
            fields=[
                ("id", id_column()),
                ("novels", models.IntegerField()),
                ("genre", reference("novels.genre", null=True)),
                ("language", reference("novels.language", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["genre"], name="novels_publiccount_genre_idx"),
                    models.Index(fields=["language"], name="novels_publiccount_lang_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(genre__isnull=False, language__isnull=True)
                        | models.Q(genre__isnull=True, language__isnull=False),
                        name="novels_publiccount_one_ck",
                    )
                ],
            },
        ),
        run_sql_file("novels", "public_counts"),
    ]
