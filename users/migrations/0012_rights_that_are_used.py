"""The serving role loses rights that nothing uses, and only staff give groups rights.

Each table gives the serving role all rights on its rows. Migrations alone write Django's own tables
of the schema and of rights, as the owner; triggers alone add to the outbox; nothing changes the
admin's history. `services roles` takes the same rights whenever it runs. The admin offers groups
and their permissions, so the serving role writes those two tables, and row level security lets only
staff do it.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import STAFF, row_level_security

WITHHELD = {
    "auth_permission, django_content_type, django_migrations, users_publicuser": (
        "INSERT, UPDATE, DELETE"
    ),
    "cache_outbox": "INSERT",
    "django_admin_log": "UPDATE",
}


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cache", "0001_outbox_and_touch"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("users", "0011_session_tags"),
    ]
    operations = [
        migrations.RunSQL(
            [
                f"REVOKE {rights} ON {tables} FROM morpheus_app"
                for tables, rights in WITHHELD.items()
            ],
            reverse_sql=[
                f"GRANT {rights} ON {tables} TO morpheus_app" for tables, rights in WITHHELD.items()
            ],
        ),
        row_level_security("auth_group", read="true", write=STAFF),
        row_level_security("auth_group_permissions", read="true", write=STAFF),
    ]
