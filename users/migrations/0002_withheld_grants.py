"""Revoke the rights of the serving role that nothing uses.

Apart from 0001, because the admin's table refers to users: it exists only after 0001.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from django.db import migrations

from morpheus.db.schema import run_sql_file


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cache", "0001_outbox_and_triggers"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("users", "0001_users_and_tokens"),
    ]
    operations = [run_sql_file("users", "withheld_grants")]
