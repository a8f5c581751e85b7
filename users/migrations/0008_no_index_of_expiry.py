"""Drop an index that no statement uses: a user's tokens are read from `users_token_newest_idx`.

Alone in its migration because DROP INDEX CONCURRENTLY cannot run in a transaction. To
recover from an interruption, migrate again.
"""

from __future__ import annotations

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("users", "0007_deletions_and_exports")]

    operations = [RemoveIndexConcurrently("accesstoken", "users_token_user_idx")]
