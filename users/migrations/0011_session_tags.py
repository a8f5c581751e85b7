"""Sessions say when they change or end, so that they can be cached: `session:<digest of the key>`.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.triggers import cache_tags, changed

SESSION = f"""
SELECT 'session:' || left(encode(sha256(session_key::bytea), 'hex'), 32)
FROM old_rows o FULL JOIN new_rows n USING (session_key)
WHERE {changed("session_data", "expire_date")}
"""


class Migration(migrations.Migration):
    dependencies = [("sessions", "0001_initial"), ("users", "0010_cache_tags")]
    operations = [cache_tags("django_session", SESSION)]
