-- Where a transaction's invalidated tags go (docs/caching.md).
--
-- cache_touch has two ways. A write transaction of this project collects tags in its own setting
-- app.touches, which starts as '.'; the connection invalidates them around the commit. Every other
-- transaction (psql, COPY) leaves its tags as rows of cache_outbox, committed with the change, and
-- notifies the servers.
--
-- Every transaction notifies the events process (morpheus/events/notifications.py), at its commit and
-- not after a rollback. The tags of a statement go together: `owner:<id>` says whose novels those
-- beside it are. Committing transactions that notify wait for each other, so only tags that an event
-- stream depends on are sent.

-- migrate:up
CREATE TABLE cache_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tag text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A rolled back savepoint forgets the tags that it touched, because `set_config` is local.
-- More than 1,000 tags become the one tag `all`, which every cached value carries.
CREATE FUNCTION cache_touch(tags text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    -- NULL or empty outside of this project's write transactions.
    collected text[] := string_to_array(current_setting('app.touches', true), ',');
    fresh text[] := ARRAY(
        SELECT tag FROM unnest(tags) tag WHERE tag IS NOT NULL EXCEPT SELECT unnest(collected)
    );
    watched text[];
    payload text;
BEGIN
    IF fresh = '{}' OR 'all' = ANY (collected) THEN
        RETURN;
    END IF;
    IF 'all' = ANY (fresh)
        OR cardinality(fresh) + greatest(cardinality(collected) - 1, 0) > 1000
    THEN
        fresh := '{all}';
        tags := '{all}';
        collected := collected[1:1];
    END IF;
    IF collected <> '{}' THEN
        PERFORM set_config('app.touches', array_to_string(collected || fresh, ','), true);
    ELSE
        INSERT INTO cache_outbox (tag) SELECT unnest(fresh);
        PERFORM pg_notify('cache_outbox', '');
    END IF;
    watched := ARRAY(
        SELECT tag FROM unnest(tags) tag
        WHERE tag ~ '^(all|(status|token|session|user):.+|novel:\d+/access)$'
    );
    IF watched <> '{}' THEN
        payload := array_to_string(
            watched || ARRAY(SELECT tag FROM unnest(tags) tag WHERE tag LIKE 'owner:%'), ','
        );
        -- PostgreSQL refuses 8,000 bytes.
        IF octet_length(payload) >= 8000 THEN
            payload := 'all';
        END IF;
        PERFORM pg_notify('cache_tags', payload);
    END IF;
END
$$;

-- The loader owns it and grants EXECUTE itself: a new owner takes over what the old one was
-- granted.
REVOKE ALL ON FUNCTION cache_touch(text[]) FROM PUBLIC;
ALTER FUNCTION cache_touch(text[]) OWNER TO morpheus_loader;
SET LOCAL ROLE morpheus_loader;
GRANT EXECUTE ON FUNCTION cache_touch(text[]) TO morpheus_app, morpheus_owner;
RESET ROLE;

-- migrate:down
SET LOCAL ROLE morpheus_loader;
DROP FUNCTION cache_touch(text[]);
RESET ROLE;
DROP TABLE cache_outbox;
