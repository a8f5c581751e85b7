"""The migration operation that lets a table say what a write to it makes stale."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import migrations

from morpheus.db.operations import loader_function, loader_function_drop

# A statement that changes more rows is not looked at row by row: everything is stale.
ROWS_MAX = 10_000

_TRANSITIONS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}

# The same query for all three kinds of change: what an INSERT has no old rows of, a DELETE no new
# ones, is an empty table to it.
_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
{declared}
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM new_rows OFFSET {rows_max}) THEN
            {before}
                WITH old_rows AS (SELECT * FROM new_rows WHERE false)
                {query}
            {after};
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (SELECT FROM new_rows OFFSET {rows_max}) THEN
            {before}
                {query}
            {after};
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT FROM old_rows OFFSET {rows_max}) THEN
            {before}
                WITH new_rows AS (SELECT * FROM old_rows WHERE false)
                {query}
            {after};
        END IF;
    END IF;
    {finally}
    RETURN NULL;
END
$$
"""
_TOUCHING = {
    "declared": "DECLARE touched text[] := '{all}';",
    "before": "touched := ARRAY(",
    "after": ")",
    "finally": "IF touched <> '{}' THEN PERFORM cache_touch(touched); END IF;",
}
_NOTING = dict.fromkeys(_TOUCHING, "")


def cache_tags(
    table: str, tags: str, *, on: Iterable[str] = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
) -> migrations.RunSQL:
    """Let each statement that changes rows of `table` touch the tags that `tags` selects.

    The function runs as the loader, because whoever writes may not see what depends on it.

    Args:
        table: The table's name.
        tags: A query of one text column, NULLs ignored, from `old_rows o` and `new_rows n`: the
            rows before and after. Joined in full by their key, a new row has no old one.
        on: The kinds of statements that are looked at. A TRUNCATE touches everything.
    """
    return _on_changes(table, f"{table}_tags", tags, on, _TOUCHING)


def cache_tags_again(table: str, tags: str, *, before: str) -> migrations.RunSQL:
    """Let `table` touch other tags than `cache_tags` said; `before` are those, for the way back."""

    def replaced(query: str) -> list[str]:
        function = _function(f"{table}_tags", query, _TOUCHING)
        again = function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        # It belongs to the loader.
        return ["SET LOCAL ROLE morpheus_loader", again, "RESET ROLE"]

    return migrations.RunSQL([*replaced(tags)], reverse_sql=[*replaced(before)])


def noted_changes(
    table: str, name: str, insert: str, *, on: Iterable[str] = ("INSERT", "UPDATE", "DELETE")
) -> migrations.RunSQL:
    """Let each statement that changes rows of `table` note so elsewhere.

    Not one that changes more than 10,000 rows, which touches the tag `all`: nothing that is kept
    outlives it.

    Args:
        name: Of the function, and the beginning of its triggers' names.
        insert: An INSERT from `old_rows o` and `new_rows n`, as in `cache_tags`.
        on: The kinds of statements that are looked at.
    """
    return _on_changes(table, name, insert, on, _NOTING)


def _on_changes(
    table: str, name: str, query: str, on: Iterable[str], parts: dict[str, str]
) -> migrations.RunSQL:
    # It makes the triggers.
    function = loader_function(f"{name}()", _function(name, query, parts), callers="morpheus_owner")
    triggers = [
        f"CREATE TRIGGER {name}_{event.lower()} AFTER {event} ON {table} "
        f"{_TRANSITIONS[event]} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        for event in on
    ]
    dropped = [f"DROP TRIGGER {name}_{event.lower()} ON {table}" for event in on]
    return migrations.RunSQL(
        [*function, *triggers], reverse_sql=[*dropped, *loader_function_drop(f"{name}()")]
    )


def _function(name: str, query: str, parts: dict[str, str]) -> str:
    return _FUNCTION.format(name=name, query=query.strip(), rows_max=ROWS_MAX, **parts)


def changed(*columns: str) -> str:
    """Return the condition that a row is new, gone, or has another value in one of `columns`."""
    old, new = (", ".join(f"{side}.{column}" for column in columns) for side in "on")
    return f"ROW({old}) IS DISTINCT FROM ROW({new})"
