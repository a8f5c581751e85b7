"""What triggers call to say what a transaction changed, and where it waits for the cache.

`cache_touch` has two ways. A transaction of ours collects tags in its own setting `app.touches`,
which starts with "." (morpheus.db.transactions), and our connection tells the cache around commit.
Of every other transaction, psql's or a COPY, nobody but the database knows: its tags are rows of
`cache_outbox`, committed with the change, and a notification wakes the servers (outbox.py).

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations

from morpheus.db.operations import owned_by_loader

OUTBOX = """
CREATE TABLE cache_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tag text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
# More tags than this are the one tag `all`, which every cached value carries.
TAGS_MAX = 1000

# Tags that a rolled back savepoint touched are forgotten with its changes: `set_config` is local.
TOUCH = f"""
CREATE FUNCTION cache_touch(tags text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    -- NULL or empty outside of our transactions.
    collected text[] := string_to_array(current_setting('app.touches', true), ',');
    fresh text[] := ARRAY(
        SELECT tag FROM unnest(tags) tag WHERE tag IS NOT NULL EXCEPT SELECT unnest(collected)
    );
BEGIN
    IF fresh = '{{}}' OR 'all' = ANY (collected) THEN
        RETURN;
    END IF;
    IF 'all' = ANY (fresh)
        OR cardinality(fresh) + greatest(cardinality(collected) - 1, 0) > {TAGS_MAX}
    THEN
        fresh := '{{all}}';
        collected := collected[1:1];
    END IF;
    IF collected <> '{{}}' THEN
        PERFORM set_config('app.touches', array_to_string(collected || fresh, ','), true);
    ELSE
        INSERT INTO cache_outbox (tag) SELECT unnest(fresh);
        PERFORM pg_notify('cache_outbox', '');
    END IF;
END
$$
"""


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.RunSQL([OUTBOX], reverse_sql=["DROP TABLE cache_outbox"]),
        owned_by_loader("cache_touch(text[])", TOUCH, callers="morpheus_app, morpheus_owner"),
    ]
