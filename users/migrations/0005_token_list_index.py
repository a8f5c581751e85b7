"""Index behind GET /users/me/tokens/: without it each page sorts all tokens of a user.

Alone in its migration because CREATE INDEX CONCURRENTLY cannot run in a transaction. To recover
from an interruption, migrate again: `manage.py migrate` drops the invalid index first.
"""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("users", "0004_token_scopes")]
    operations = [
        AddIndexConcurrently(
            "accesstoken",
            models.Index(fields=["user", "created_at", "id"], name="users_token_newest_idx"),
        ),
    ]
