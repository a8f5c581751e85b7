"""Lists show an owner's name by the view of what everybody may know of users.

The relation has no column of its own. To recover from an interruption, migrate again.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("novels", "0004_search_function"), ("users", "0003_row_level_security")]
    operations = [
        migrations.AddField(
            model_name="novel",
            name="public_owner",
            field=models.ForeignObject(
                from_fields=["owner"],
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="users.publicuser",
                to_fields=["id"],
            ),
        ),
    ]
