"""Users and tokens say what a write to them makes stale, whoever writes.

`name:<id>` is the name that others see, `user:<id>` the user with their rights, `token:<digest>`
whom a token logs in. A login changes none of them. Rights come from groups too, which are tables
of Django's.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.triggers import cache_tags, changed

SHOWN = changed(
    "email",
    "display_name",
    "bio",
    "password",
    "is_active",
    "is_staff",
    "is_superuser",
    "date_joined",
)
USER = f"""
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('name:' || id, {changed("display_name")}),
    ('user:' || id, {SHOWN})
) said (tag, is_stale)
WHERE is_stale
"""
LOGIN = """
SELECT 'token:' || encode(side.digest, 'hex') FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.digest), (n.digest)) side (digest)
WHERE o IS DISTINCT FROM n
"""
RIGHT_OF_USER = """
SELECT 'user:' || side.user_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.user_id), (n.user_id)) side (user_id)
WHERE o IS DISTINCT FROM n
"""
RIGHT_OF_GROUP = """
SELECT 'user:' || member.user_id FROM old_rows o FULL JOIN new_rows n USING (id)
JOIN users_user_groups member ON member.group_id IN (o.group_id, n.group_id)
WHERE o IS DISTINCT FROM n
"""


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cache", "0001_outbox_and_touch"),
        ("users", "0003_row_level_security"),
    ]
    operations = [
        cache_tags("users_user", USER),
        cache_tags("users_token", LOGIN),
        cache_tags("users_user_groups", RIGHT_OF_USER),
        cache_tags("users_user_user_permissions", RIGHT_OF_USER),
        cache_tags("auth_group_permissions", RIGHT_OF_GROUP),
    ]
