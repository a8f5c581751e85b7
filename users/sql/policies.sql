-- Row level security of users, their tokens, and their rights.
--
-- The second lock beside the querysets' filters (docs/security.md). A user and a token are visible
-- to their owner and to staff alone; users_publicuser (logins.sql) shows the name to everyone.
-- Policies use leakproof comparisons only, so that an index can still serve a query.
--
-- app.user_id and app.staff are local settings of the transaction. After the first transaction of a
-- session that sets app.user_id, PostgreSQL reads it as '' and no longer as NULL, hence NULLIF.
--
-- There is a policy per command and none FOR ALL: PostgreSQL would add its condition to each
-- SELECT. FORCE binds the owner of the table too. An UPDATE without WITH CHECK tests the new row
-- with USING.
--
-- Registration inserts the caller's own row, without rights. Groups and permissions are tables of
-- Django; the admin edits them, so the serving role may write them, as staff.

-- migrate:up
ALTER TABLE users_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE users_user FORCE ROW LEVEL SECURITY;
CREATE POLICY users_user_read ON users_user FOR SELECT
USING (
    id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_user_insert ON users_user FOR INSERT
WITH CHECK (
    (
        id = NULLIF(current_setting('app.user_id', true), '')::bigint
        AND NOT is_staff AND NOT is_superuser
    )
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_user_update ON users_user FOR UPDATE
USING (
    id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_user_delete ON users_user FOR DELETE
USING (
    id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

ALTER TABLE users_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE users_token FORCE ROW LEVEL SECURITY;
CREATE POLICY users_token_read ON users_token FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_token_insert ON users_token FOR INSERT
WITH CHECK (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_token_update ON users_token FOR UPDATE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_token_delete ON users_token FOR DELETE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

ALTER TABLE users_user_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE users_user_groups FORCE ROW LEVEL SECURITY;
CREATE POLICY users_user_groups_read ON users_user_groups FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_user_groups_insert ON users_user_groups FOR INSERT
WITH CHECK (current_setting('app.staff', true) = 'on');
CREATE POLICY users_user_groups_update ON users_user_groups FOR UPDATE
USING (current_setting('app.staff', true) = 'on');
CREATE POLICY users_user_groups_delete ON users_user_groups FOR DELETE
USING (current_setting('app.staff', true) = 'on');

ALTER TABLE users_user_user_permissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE users_user_user_permissions FORCE ROW LEVEL SECURITY;
CREATE POLICY users_user_user_permissions_read ON users_user_user_permissions FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY users_user_user_permissions_insert ON users_user_user_permissions FOR INSERT
WITH CHECK (current_setting('app.staff', true) = 'on');
CREATE POLICY users_user_user_permissions_update ON users_user_user_permissions FOR UPDATE
USING (current_setting('app.staff', true) = 'on');
CREATE POLICY users_user_user_permissions_delete ON users_user_user_permissions FOR DELETE
USING (current_setting('app.staff', true) = 'on');

ALTER TABLE auth_group ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_group FORCE ROW LEVEL SECURITY;
CREATE POLICY auth_group_read ON auth_group FOR SELECT
USING (true);
CREATE POLICY auth_group_insert ON auth_group FOR INSERT
WITH CHECK (current_setting('app.staff', true) = 'on');
CREATE POLICY auth_group_update ON auth_group FOR UPDATE
USING (current_setting('app.staff', true) = 'on');
CREATE POLICY auth_group_delete ON auth_group FOR DELETE
USING (current_setting('app.staff', true) = 'on');

ALTER TABLE auth_group_permissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_group_permissions FORCE ROW LEVEL SECURITY;
CREATE POLICY auth_group_permissions_read ON auth_group_permissions FOR SELECT
USING (true);
CREATE POLICY auth_group_permissions_insert ON auth_group_permissions FOR INSERT
WITH CHECK (current_setting('app.staff', true) = 'on');
CREATE POLICY auth_group_permissions_update ON auth_group_permissions FOR UPDATE
USING (current_setting('app.staff', true) = 'on');
CREATE POLICY auth_group_permissions_delete ON auth_group_permissions FOR DELETE
USING (current_setting('app.staff', true) = 'on');

-- migrate:down
DROP POLICY auth_group_permissions_delete ON auth_group_permissions;
DROP POLICY auth_group_permissions_update ON auth_group_permissions;
DROP POLICY auth_group_permissions_insert ON auth_group_permissions;
DROP POLICY auth_group_permissions_read ON auth_group_permissions;
ALTER TABLE auth_group_permissions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE auth_group_permissions DISABLE ROW LEVEL SECURITY;

DROP POLICY auth_group_delete ON auth_group;
DROP POLICY auth_group_update ON auth_group;
DROP POLICY auth_group_insert ON auth_group;
DROP POLICY auth_group_read ON auth_group;
ALTER TABLE auth_group NO FORCE ROW LEVEL SECURITY;
ALTER TABLE auth_group DISABLE ROW LEVEL SECURITY;

DROP POLICY users_user_user_permissions_delete ON users_user_user_permissions;
DROP POLICY users_user_user_permissions_update ON users_user_user_permissions;
DROP POLICY users_user_user_permissions_insert ON users_user_user_permissions;
DROP POLICY users_user_user_permissions_read ON users_user_user_permissions;
ALTER TABLE users_user_user_permissions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users_user_user_permissions DISABLE ROW LEVEL SECURITY;

DROP POLICY users_user_groups_delete ON users_user_groups;
DROP POLICY users_user_groups_update ON users_user_groups;
DROP POLICY users_user_groups_insert ON users_user_groups;
DROP POLICY users_user_groups_read ON users_user_groups;
ALTER TABLE users_user_groups NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users_user_groups DISABLE ROW LEVEL SECURITY;

DROP POLICY users_token_delete ON users_token;
DROP POLICY users_token_update ON users_token;
DROP POLICY users_token_insert ON users_token;
DROP POLICY users_token_read ON users_token;
ALTER TABLE users_token NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users_token DISABLE ROW LEVEL SECURITY;

DROP POLICY users_user_delete ON users_user;
DROP POLICY users_user_update ON users_user;
DROP POLICY users_user_insert ON users_user;
DROP POLICY users_user_read ON users_user;
ALTER TABLE users_user NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users_user DISABLE ROW LEVEL SECURITY;
