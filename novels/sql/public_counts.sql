-- Numbers of public novels by genre and by language, for GET /genres/ and GET /languages/.
--
-- Triggers write them in the transaction that changes the novels, so they are exact at any time. A
-- number is the sum of a few rows of novels_publiccount: a writer adds to one that no other
-- transaction has locked, or inserts one. So no writer waits for the commit of another, and a number
-- has at most as many rows as there were transactions that changed it at the same moment.
--
-- One addition for each number and statement, not for each novel: PostgreSQL would keep a version
-- of the row for each. After a TRUNCATE, or a statement that changed more than 10,000 novels
-- (morpheus/cache/sql/triggers.sql), all numbers are corrected. The cached numbers are invalidated
-- by the tags of the lists that they count (cache_tags.sql).

-- migrate:up
ALTER TABLE novels_publiccount
    ADD CONSTRAINT novels_publiccount_genre_id_fk FOREIGN KEY (genre_id)
    REFERENCES novels_genre ON DELETE CASCADE,
    ADD CONSTRAINT novels_publiccount_language_id_fk FOREIGN KEY (language_id)
    REFERENCES novels_language ON DELETE CASCADE;
-- Room on each page for new versions of a row (HOT updates).
ALTER TABLE novels_publiccount SET (fillfactor = 50);
-- Triggers alone write it. The default privileges granted more (morpheus/embedded/sql/database.sql).
REVOKE INSERT, UPDATE, DELETE ON novels_publiccount FROM morpheus_app;

-- Add to each number the difference between the novels and its rows.
--
-- One statement, so one snapshot: what other transactions commit meanwhile is in both or in neither.
-- It may be run at any time, also beside writers.
CREATE FUNCTION novels_public_counts_correct() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
INSERT INTO novels_publiccount (genre_id, language_id, novels)
SELECT genre_id, language_id, sum(novels)
FROM (
    SELECT genre_id, NULL::bigint AS language_id, count(*) AS novels FROM novels_novel
    WHERE is_public AND genre_id IS NOT NULL GROUP BY genre_id
    UNION ALL
    SELECT NULL, language_id, count(*) FROM novels_novel
    WHERE is_public AND language_id IS NOT NULL GROUP BY language_id
    UNION ALL
    SELECT genre_id, language_id, -novels FROM novels_publiccount
) part
GROUP BY genre_id, language_id
HAVING sum(novels) <> 0
$$;
REVOKE ALL ON FUNCTION novels_public_counts_correct() FROM PUBLIC;
ALTER FUNCTION novels_public_counts_correct() OWNER TO morpheus_loader;
SET LOCAL ROLE morpheus_loader;
GRANT EXECUTE ON FUNCTION novels_public_counts_correct() TO morpheus_owner;
RESET ROLE;

CALL row_change_triggers_create(
    'novels_novel', 'novels_public_counts', '{INSERT,UPDATE,DELETE,TRUNCATE}',
    $$
    SELECT side.genre_id, side.language_id, sum(side.novels) AS novels
    FROM old_rows o FULL JOIN new_rows n USING (id)
    CROSS JOIN LATERAL (VALUES
        (o.is_public, o.genre_id, NULL::bigint, -1), (o.is_public, NULL, o.language_id, -1),
        (n.is_public, n.genre_id, NULL, 1), (n.is_public, NULL, n.language_id, 1)
    ) side (is_public, genre_id, language_id, novels)
    WHERE ROW(o.is_public, o.genre_id, o.language_id)
        IS DISTINCT FROM ROW(n.is_public, n.genre_id, n.language_id)
        AND side.is_public
        AND num_nonnulls(side.genre_id, side.language_id) = 1
    GROUP BY side.genre_id, side.language_id
    HAVING sum(side.novels) <> 0
    $$,
    $branch$
    is_counted := true;
    FOR change IN {query} LOOP
        SELECT c.id INTO slot FROM novels_publiccount c
        WHERE c.genre_id = change.genre_id OR c.language_id = change.language_id
        LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE novels_publiccount SET novels = novels + change.novels WHERE id = slot;
        ELSE
            INSERT INTO novels_publiccount (genre_id, language_id, novels)
            VALUES (change.genre_id, change.language_id, change.novels);
        END IF;
    END LOOP;
    $branch$,
    'DECLARE change record; slot bigint; is_counted boolean := false;',
    'IF NOT is_counted THEN PERFORM novels_public_counts_correct(); END IF;'
);

-- migrate:down
CALL row_change_triggers_drop('novels_novel', 'novels_public_counts');
SET LOCAL ROLE morpheus_loader;
DROP FUNCTION novels_public_counts_correct();
RESET ROLE;
ALTER TABLE novels_publiccount
    DROP CONSTRAINT novels_publiccount_language_id_fk,
    DROP CONSTRAINT novels_publiccount_genre_id_fk;
