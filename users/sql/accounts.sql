-- Deletions of accounts, and exports: foreign keys, row level security and tags.
--
-- foreign_keys.sql, policies.sql and cache_tags.sql explain each. A row is visible to its user and to
-- staff alone, and goes with its user. `export:<id>` is what a user sees of an export.

-- migrate:up
ALTER TABLE users_deletion
    ADD CONSTRAINT users_deletion_user_id_fk FOREIGN KEY (user_id)
    REFERENCES users_user ON DELETE CASCADE;
ALTER TABLE users_export
    ADD CONSTRAINT users_export_user_id_fk FOREIGN KEY (user_id)
    REFERENCES users_user ON DELETE CASCADE;

ALTER TABLE users_deletion ENABLE ROW LEVEL SECURITY;
ALTER TABLE users_deletion FORCE ROW LEVEL SECURITY;
CREATE POLICY users_deletion_read ON users_deletion FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_deletion_insert ON users_deletion FOR INSERT
WITH CHECK (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_deletion_update ON users_deletion FOR UPDATE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_deletion_delete ON users_deletion FOR DELETE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

ALTER TABLE users_export ENABLE ROW LEVEL SECURITY;
ALTER TABLE users_export FORCE ROW LEVEL SECURITY;
CREATE POLICY users_export_read ON users_export FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_export_insert ON users_export FOR INSERT
WITH CHECK (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_export_update ON users_export FOR UPDATE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_export_delete ON users_export FOR DELETE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

CALL cache_tags_create('users_export', $$
SELECT 'export:' || id FROM old_rows o FULL JOIN new_rows n USING (id)
WHERE o IS DISTINCT FROM n
$$);

-- migrate:down
CALL row_change_triggers_drop('users_export', 'users_export_tags');

DROP POLICY users_export_delete ON users_export;
DROP POLICY users_export_update ON users_export;
DROP POLICY users_export_insert ON users_export;
DROP POLICY users_export_read ON users_export;
ALTER TABLE users_export NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users_export DISABLE ROW LEVEL SECURITY;

DROP POLICY users_deletion_delete ON users_deletion;
DROP POLICY users_deletion_update ON users_deletion;
DROP POLICY users_deletion_insert ON users_deletion;
DROP POLICY users_deletion_read ON users_deletion;
ALTER TABLE users_deletion NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users_deletion DISABLE ROW LEVEL SECURITY;

ALTER TABLE users_export DROP CONSTRAINT users_export_user_id_fk;
ALTER TABLE users_deletion DROP CONSTRAINT users_deletion_user_id_fk;
