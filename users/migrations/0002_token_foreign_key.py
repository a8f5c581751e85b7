"""Tokens go with their user, by PostgreSQL itself.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import foreign_key


class Migration(migrations.Migration):
    dependencies = [("users", "0001_users_and_tokens")]
    operations = [foreign_key("users_token", "user_id", "users_user", on_delete="CASCADE")]
