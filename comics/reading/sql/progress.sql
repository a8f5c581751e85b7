-- Reading progress: keys, row level security and tags.
--
-- The files of these names in users/sql and novels/sql explain each. A row goes with its user, its
-- novel or its comic. Its user and staff see it; the owner of the novel does not.
--
-- PostgreSQL checks foreign keys past row level security. So the policy of INSERT demands a novel or
-- comic that the user sees, and refuses private and absent ones alike.
--
-- Tags: `reading:<user>` is the list of what the user is reading, `reading:<user>/novel:<id>` the
-- place in one novel. When a novel is deleted, `novel:<id>/access` speaks for the place in it, and
-- only the lists that have it are invalidated. No tag is of a value that another user reads.

-- migrate:up
ALTER TABLE reading_progress
    ADD CONSTRAINT reading_progress_work_uq
    UNIQUE NULLS NOT DISTINCT (user_id, novel_id, comic_id),
    ADD CONSTRAINT reading_progress_user_id_fk FOREIGN KEY (user_id)
    REFERENCES users_user ON DELETE CASCADE,
    ADD CONSTRAINT reading_progress_novel_id_fk FOREIGN KEY (novel_id)
    REFERENCES novels_novel ON DELETE CASCADE,
    ADD CONSTRAINT reading_progress_comic_id_fk FOREIGN KEY (comic_id)
    REFERENCES comics_comic ON DELETE CASCADE;

ALTER TABLE reading_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE reading_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY reading_progress_read ON reading_progress FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY reading_progress_insert ON reading_progress FOR INSERT
WITH CHECK (
    current_setting('app.staff', true) = 'on'
    OR (
        user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND (
            EXISTS (SELECT FROM novels_novel n WHERE n.id = reading_progress.novel_id)
            OR EXISTS (SELECT FROM comics_comic c WHERE c.id = reading_progress.comic_id)
        )
    )
);
CREATE POLICY reading_progress_update ON reading_progress FOR UPDATE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY reading_progress_delete ON reading_progress FOR DELETE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE TRIGGER reading_progress_keep_work
BEFORE UPDATE OF novel_id, comic_id ON reading_progress FOR EACH ROW
WHEN (
    (OLD.novel_id IS DISTINCT FROM NEW.novel_id OR OLD.comic_id IS DISTINCT FROM NEW.comic_id)
    AND row_security_active('reading_progress'::regclass)
)
EXECUTE FUNCTION belonging_keep_parent();

CALL cache_tags_create('reading_progress', $$
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    (o.user_id, o.novel_id, o.comic_id, o.is_finished),
    (n.user_id, n.novel_id, n.comic_id, n.is_finished)
) side (user_id, novel_id, comic_id, is_finished)
CROSS JOIN LATERAL (VALUES
    ('reading:' || side.user_id, NOT side.is_finished),
    ('reading:' || side.user_id || '/novel:' || side.novel_id,
        EXISTS (SELECT FROM novels_novel WHERE id = side.novel_id)),
    ('reading:' || side.user_id || '/comic:' || side.comic_id,
        EXISTS (SELECT FROM comics_comic WHERE id = side.comic_id))
) touched (tag, is_stale)
WHERE is_stale AND o IS DISTINCT FROM n
$$);

-- migrate:down
CALL row_change_triggers_drop('reading_progress', 'reading_progress_tags');
DROP TRIGGER reading_progress_keep_work ON reading_progress;
DROP POLICY reading_progress_delete ON reading_progress;
DROP POLICY reading_progress_update ON reading_progress;
DROP POLICY reading_progress_insert ON reading_progress;
DROP POLICY reading_progress_read ON reading_progress;
ALTER TABLE reading_progress NO FORCE ROW LEVEL SECURITY;
ALTER TABLE reading_progress DISABLE ROW LEVEL SECURITY;
ALTER TABLE reading_progress
    DROP CONSTRAINT reading_progress_comic_id_fk,
    DROP CONSTRAINT reading_progress_novel_id_fk,
    DROP CONSTRAINT reading_progress_user_id_fk,
    DROP CONSTRAINT reading_progress_work_uq;
