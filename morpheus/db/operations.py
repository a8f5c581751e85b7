"""Migration operations that Django lacks: foreign keys that act in the database, and RLS."""

from __future__ import annotations

from typing import Literal

from django.db import migrations

# What policies compare with (`morpheus.db.identity` sets it). Once set in a session, the setting
# reads '' and not NULL afterwards.
CALLER = "NULLIF(current_setting('app.user_id', true), '')::bigint"
STAFF = "current_setting('app.staff', true) = 'on'"


def foreign_key(
    table: str,
    column: str,
    references: str,
    *,
    on_delete: Literal["CASCADE", "SET NULL", "RESTRICT"],
) -> migrations.RunSQL:
    """Add the foreign key `<table>_<column>_fk`, whose deletions PostgreSQL carries out itself.

    Django's own `on_delete` loads the rows and deletes them as the caller, whom row level security
    may hide them from. The model field says `DO_NOTHING` and `db_constraint=False`.
    """
    name = f"{table}_{column}_fk"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) "
        f"REFERENCES {references} ON DELETE {on_delete}",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def row_level_security(
    table: str, *, read: str, write: str, insert: str | None = None
) -> migrations.RunSQL:
    """Switch row level security on, for the table's owner too.

    Args:
        table: The table's name.
        read: Condition under which a row may be seen.
        write: Condition under which a row may be added, changed or deleted, before and after.
        insert: Another condition for adding a row.
    """
    # Not FOR ALL: PostgreSQL would add its condition to every SELECT as well.
    policies = {
        "read": f"FOR SELECT USING ({read})",
        "insert": f"FOR INSERT WITH CHECK ({insert or write})",
        "update": f"FOR UPDATE USING ({write}) WITH CHECK ({write})",
        "delete": f"FOR DELETE USING ({write})",
    }
    return migrations.RunSQL(
        [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            *(f"CREATE POLICY {table}_{kind} ON {table} {rule}" for kind, rule in policies.items()),
        ],
        reverse_sql=[
            *(f"DROP POLICY {table}_{kind} ON {table}" for kind in policies),
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ],
    )


def owned_by_loader(signature: str, definition: str) -> migrations.RunSQL:
    """Make a SECURITY DEFINER function that looks past row level security, as the loader does.

    The serving role may execute it, and nobody else.

    Args:
        signature: Name and types of the arguments.
        definition: The whole CREATE FUNCTION statement.
    """
    return migrations.RunSQL(
        [
            definition,
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO morpheus_app",
            f"ALTER FUNCTION {signature} OWNER TO morpheus_loader",
        ],
        # The loader owns it; the owner may become the loader.
        reverse_sql=[
            "SET LOCAL ROLE morpheus_loader",
            f"DROP FUNCTION {signature}",
            "RESET ROLE",
        ],
    )
