-- How a table gets its triggers: procedures that migrations call (see */sql/cache_tags.sql).
--
-- A trigger function needs the same query for INSERT, UPDATE and DELETE. The rows before and after
-- are the transition tables old_rows and new_rows, but an INSERT has no old_rows and a DELETE no
-- new_rows. So the function repeats the query with an empty table in place of the missing one.
-- These procedures write that function, so that a table's query stands in one place.

-- migrate:up

-- Create the function `function_name`() and its triggers on `table_name`, one per event.
--
-- {query} in `branch` stands for the query; the function runs `branch` for a statement that changed at most
-- 10,000 rows. `declarations` and `finally` complete the function.
-- It runs as the loader, because the writer may not see the rows that depend on the change.
CREATE PROCEDURE row_change_triggers_create(
    table_name text, function_name text, events text[], query text,
    branch text, declarations text, finally text
) LANGUAGE plpgsql
AS $procedure$
DECLARE
    function_text text := $function$
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
{declarations}
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM new_rows OFFSET 10000) THEN
            {insert}
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (SELECT FROM new_rows OFFSET 10000) THEN
            {update}
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT FROM old_rows OFFSET 10000) THEN
            {delete}
        END IF;
    END IF;
    {finally}
    RETURN NULL;
END
$$
$function$;
    transition_tables CONSTANT jsonb := '{
        "INSERT": "REFERENCING NEW TABLE AS new_rows",
        "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "DELETE": "REFERENCING OLD TABLE AS old_rows",
        "TRUNCATE": ""
    }';
    event text;
BEGIN
    function_text := replace(function_text, '{insert}', replace(
        branch, '{query}', 'WITH old_rows AS (SELECT * FROM new_rows WHERE false)' || query
    ));
    function_text := replace(function_text, '{update}', replace(branch, '{query}', query));
    function_text := replace(function_text, '{delete}', replace(
        branch, '{query}', 'WITH new_rows AS (SELECT * FROM old_rows WHERE false)' || query
    ));
    function_text := replace(function_text, '{declarations}', declarations);
    function_text := replace(function_text, '{finally}', finally);
    EXECUTE replace(function_text, '{name}', function_name);
    EXECUTE format('REVOKE ALL ON FUNCTION %I() FROM PUBLIC', function_name);
    EXECUTE format('ALTER FUNCTION %I() OWNER TO morpheus_loader', function_name);
    -- A new owner takes over what the old one was granted, so the loader grants it. The owner of
    -- the tables needs EXECUTE to create the triggers.
    SET LOCAL ROLE morpheus_loader;
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I() TO morpheus_owner', function_name);
    RESET ROLE;
    FOREACH event IN ARRAY events LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER %s ON %I %s FOR EACH STATEMENT EXECUTE FUNCTION %I()',
            function_name || '_' || lower(event), event, table_name,
            transition_tables ->> event, function_name
        );
    END LOOP;
END
$procedure$;

-- Let each statement that changes rows of `table_name` touch the tags that `query` selects.
--
-- The query selects one text column, NULLs ignored, from `old_rows o` and `new_rows n`: a full join
-- by the key, in which a new row has no old one. A TRUNCATE and a statement that changes more rows
-- touch the tag `all`.
CREATE PROCEDURE cache_tags_create(
    table_name text, query text, events text[] DEFAULT '{INSERT,UPDATE,DELETE,TRUNCATE}'
) LANGUAGE sql
AS $$
    CALL row_change_triggers_create(
        table_name, table_name || '_tags', events, query,
        'touched := ARRAY({query});',
        'DECLARE touched text[] := ''{all}'';',
        'IF touched <> ''{}'' THEN PERFORM cache_touch(touched); END IF;'
    )
$$;

-- Let each statement that changes rows of `table_name` run `insert`, an INSERT from the same
-- tables.
--
-- A statement that changes more rows runs nothing; its tag `all` invalidates every cached value.
CREATE PROCEDURE change_notes_create(
    table_name text, function_name text, insert text,
    events text[] DEFAULT '{INSERT,UPDATE,DELETE}'
) LANGUAGE sql
AS $$
    CALL row_change_triggers_create(
        table_name, function_name, events, insert, '{query};', '', ''
    )
$$;

-- Drop the function `function_name`() and its triggers.
CREATE PROCEDURE row_change_triggers_drop(table_name text, function_name text)
LANGUAGE plpgsql
AS $$
DECLARE
    trigger_name text;
BEGIN
    FOR trigger_name IN
        SELECT t.tgname FROM pg_trigger t
        WHERE t.tgrelid = table_name::regclass
            AND t.tgfoid = to_regproc(function_name) AND NOT t.tgisinternal
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', trigger_name, table_name);
    END LOOP;
    SET LOCAL ROLE morpheus_loader;
    EXECUTE format('DROP FUNCTION %I()', function_name);
    RESET ROLE;
END
$$;

REVOKE ALL ON PROCEDURE
    row_change_triggers_create(text, text, text[], text, text, text, text),
    cache_tags_create(text, text, text[]),
    change_notes_create(text, text, text, text[]),
    row_change_triggers_drop(text, text)
FROM PUBLIC;

-- migrate:down
DROP PROCEDURE
    row_change_triggers_drop(text, text),
    change_notes_create(text, text, text, text[]),
    cache_tags_create(text, text, text[]),
    row_change_triggers_create(text, text, text[], text, text, text, text);
