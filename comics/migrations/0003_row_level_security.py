"""The second lock on private comics: PostgreSQL itself shows them to their owner and staff alone.

Images have no owner: the same bytes are stored once. They are reached through panels only.
To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import CALLER, STAFF, row_level_security

OWNED = f"owner_id = {CALLER} OR {STAFF}"
VISIBLE = f"is_public OR {OWNED}"


class Migration(migrations.Migration):
    dependencies = [("comics", "0002_foreign_keys")]
    operations = [
        row_level_security("comics_comic", read=VISIBLE, write=OWNED),
        row_level_security("comics_panel", read=VISIBLE, write=OWNED),
    ]
