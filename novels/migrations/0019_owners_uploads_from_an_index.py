"""Let an owner's uploads be counted and summed from an index alone.

Each upload asks for both, to compare them with the quota, and GET /users/me/ shows them.

Alone in its migration because CREATE INDEX CONCURRENTLY cannot run in a transaction. To recover
from an interruption, drop the INVALID novels_upload_owner_size_idx and migrate again.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("novels", "0018_belongings_of_own_novels_only")]
    operations = [
        AddIndexConcurrently(
            "novelupload",
            models.Index(
                fields=["owner"], include=["size_bytes"], name="novels_upload_owner_size_idx"
            ),
        ),
    ]
