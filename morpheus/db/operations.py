"""Migration operations that Django lacks: foreign keys that act in the database, and RLS."""

from __future__ import annotations

from typing import Literal

from django.db import migrations

# What policies compare with (set by `morpheus.db.transactions`). Once set in a session, the setting
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


def shown_key(table: str) -> migrations.RunSQL:
    """Make id, owner and visibility of a table's rows a key, for `belonging` to refer to."""
    name = f"{table}_shown_uq"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE (id, owner_id, is_public)",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def belonging(table: str, column: str, to: str) -> migrations.RunSQL:
    """Let rows belong to another, go with it, and have its owner and visibility.

    Nobody can say otherwise, and when the other is published or withdrawn, these follow in the same
    statement. It has a `shown_key`.
    """
    name = f"{table}_{column}_fk"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} "
        f"FOREIGN KEY ({column}, owner_id, is_public) REFERENCES {to} (id, owner_id, is_public) "
        "ON UPDATE CASCADE ON DELETE CASCADE",
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


def insert_of_own(
    table: str, column: str, parent: str, *, owned: str, before: str
) -> migrations.RunSQL:
    """Let callers add rows to parents of their own only; a policy is asked before an index.

    Else the error of a unique index or a foreign key tells a private parent from an absent one.

    Args:
        column: What refers to the parent, which has an `owner_id`; may be NULL.
        owned: What has to be true of the row besides.
        before: The condition of the policy so far.
    """
    own = f"EXISTS (SELECT FROM {parent} p WHERE p.id = {table}.{column} AND p.owner_id = {CALLER})"
    return migrations.RunSQL(
        f"ALTER POLICY {table}_insert ON {table} "
        f"WITH CHECK ({STAFF} OR ({owned} AND ({column} IS NULL OR {own})))",
        reverse_sql=f"ALTER POLICY {table}_insert ON {table} WITH CHECK ({before})",
    )


def keep_parent(table: str, *columns: str) -> migrations.RunSQL:
    """Refuse to move a row to another parent, for roles that row level security binds.

    A trigger before the update is asked before an index; one that names no such column runs none.
    """
    name = f"{table}_keep_parent"
    moved = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} BEFORE UPDATE OF {', '.join(columns)} ON {table} FOR EACH ROW "
        f"WHEN (({moved}) AND row_security_active('{table}'::regclass)) "
        "EXECUTE FUNCTION belonging_keep_parent()",
        reverse_sql=f"DROP TRIGGER {name} ON {table}",
    )


def owned_by_loader(
    signature: str, definition: str, *, callers: str = "morpheus_app"
) -> migrations.RunSQL:
    """Make a SECURITY DEFINER function that looks past row level security, as the loader does.

    Args:
        signature: Name and types of the arguments.
        definition: The whole CREATE FUNCTION statement.
        callers: Who may execute it, and nobody else: the serving role, unless told otherwise.
    """
    return migrations.RunSQL(
        [*loader_function(signature, definition, callers=callers)],
        reverse_sql=[*loader_function_drop(signature)],
    )


def loader_function(signature: str, definition: str, *, callers: str) -> list[str]:
    """Return the statements of `owned_by_loader`."""
    return [
        definition,
        f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
        f"ALTER FUNCTION {signature} OWNER TO morpheus_loader",
        # As the loader: what the owner were granted before, a new owner would take over.
        "SET LOCAL ROLE morpheus_loader",
        f"GRANT EXECUTE ON FUNCTION {signature} TO {callers}",
        "RESET ROLE",
    ]


def loader_function_drop(signature: str) -> list[str]:
    """Return the way back: the loader owns the function; the owner may become the loader."""
    return ["SET LOCAL ROLE morpheus_loader", f"DROP FUNCTION {signature}", "RESET ROLE"]


def replaced(text: str, *pairs: tuple[str, str], times: int = 1) -> str:
    """Return a statement of an earlier migration with other parts.

    Args:
        text: The statement.
        pairs: What is there, and what is instead.
        times: How often each is there.

    Raises:
        AssertionError: One is not there so often.
    """
    for old, new in pairs:
        if text.count(old) != times:
            raise AssertionError(f"Not {times} times in the statement: {old}")
        text = text.replace(old, new)
    return text
