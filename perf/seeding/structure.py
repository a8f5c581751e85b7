"""Indexes and foreign keys that are cheaper to build after the rows than row by row; triggers.

They are dropped and built again inside the transaction that loads the rows, from PostgreSQL's own
definitions: after any interruption, the rollback restores them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .tables import DOMAIN

_FOREIGN_KEYS = """
SELECT
    format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s',
        conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE contype = 'f' AND conrelid = ANY (%s::text[]::regclass[])
ORDER BY conrelid::regclass::text, conname
"""
# Unique indexes stay: they check the rows, and rows come in their order.
_INDEXES = """
SELECT
    format('DROP INDEX %%s', indexrelid::regclass),
    pg_get_indexdef(indexrelid)
FROM pg_index
WHERE NOT indisunique AND indrelid = ANY (%s::text[]::regclass[])
ORDER BY indrelid::regclass::text, indexrelid::regclass::text
"""
# Triggers with transition tables: PostgreSQL would keep a copy of each inserted row in a file
# until the end of the statement, even for a disabled trigger. Seeding invalidates all tags once.
_TRIGGERS = """
SELECT format('DROP TRIGGER %%I ON %%s', tgname, tgrelid::regclass), pg_get_triggerdef(oid)
FROM pg_trigger
WHERE tgnewtable IS NOT NULL AND tgoldtable IS NULL AND tgrelid = ANY (%s::text[]::regclass[])
ORDER BY tgrelid::regclass::text, tgname
"""
_FORCED = """
SELECT oid::regclass::text
FROM pg_class
WHERE relforcerowsecurity AND oid = ANY (%s::text[]::regclass[])
ORDER BY 1
"""


def drop(cursor: Any) -> list[str]:
    """Drop indexes, foreign keys and triggers; return the statements that restore them, in order.

    All of them belong to the tables that seeding fills.
    """
    restore: list[str] = []
    for query in (_INDEXES, _FOREIGN_KEYS, _TRIGGERS):
        cursor.execute(query, [DOMAIN])
        for statement, definition in cursor.fetchall():
            cursor.execute(statement)
            restore.append(definition)
    return restore


@contextmanager
def row_security_not_forced(cursor: Any) -> Iterator[None]:
    """Let the owner see all rows in the block.

    A query of the owner checks a new foreign key; it would miss private rows that are hidden from
    it. The tables are locked meanwhile, so no other session sees them.
    """
    cursor.execute(_FORCED, [DOMAIN])
    tables = [row[0] for row in cursor.fetchall()]
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
