-- Tags that a write to users, tokens, permissions and sessions invalidates (docs/caching.md).
--
-- morpheus/cache/sql/triggers.sql says how a query becomes triggers. `name:<id>` is the name that
-- others read, `user:<id>` the user with their permissions, `token:<digest>` the user that a token
-- logs in, `session:<digest of the key>` a session. The time of the last login invalidates nothing.
-- Groups, their permissions and sessions are tables of Django.

-- migrate:up
CALL cache_tags_create('users_user', $$
SELECT tag FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES
    ('name:' || id, o.display_name IS DISTINCT FROM n.display_name),
    ('user:' || id,
        ROW(o.email, o.display_name, o.bio, o.password,
            o.is_active, o.is_staff, o.is_superuser, o.date_joined,
            o.confirmed_email, o.pending_email)
        IS DISTINCT FROM
        ROW(n.email, n.display_name, n.bio, n.password,
            n.is_active, n.is_staff, n.is_superuser, n.date_joined,
            n.confirmed_email, n.pending_email))
) touched (tag, is_stale)
WHERE is_stale
$$);

CALL cache_tags_create('users_token', $$
SELECT 'token:' || encode(side.digest, 'hex') FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.digest), (n.digest)) side (digest)
WHERE o IS DISTINCT FROM n
$$);

CALL cache_tags_create('users_user_groups', $$
SELECT 'user:' || side.user_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.user_id), (n.user_id)) side (user_id)
WHERE o IS DISTINCT FROM n
$$);

CALL cache_tags_create('users_user_user_permissions', $$
SELECT 'user:' || side.user_id FROM old_rows o FULL JOIN new_rows n USING (id)
CROSS JOIN LATERAL (VALUES (o.user_id), (n.user_id)) side (user_id)
WHERE o IS DISTINCT FROM n
$$);

CALL cache_tags_create('auth_group_permissions', $$
SELECT 'user:' || member.user_id FROM old_rows o FULL JOIN new_rows n USING (id)
JOIN users_user_groups member ON member.group_id IN (o.group_id, n.group_id)
WHERE o IS DISTINCT FROM n
$$);

CALL cache_tags_create('django_session', $$
SELECT 'session:' || left(encode(sha256(session_key::bytea), 'hex'), 32)
FROM old_rows o FULL JOIN new_rows n USING (session_key)
WHERE ROW(o.session_data, o.expire_date) IS DISTINCT FROM ROW(n.session_data, n.expire_date)
$$);

-- migrate:down
CALL row_change_triggers_drop('django_session', 'django_session_tags');
CALL row_change_triggers_drop('auth_group_permissions', 'auth_group_permissions_tags');
CALL row_change_triggers_drop('users_user_user_permissions', 'users_user_user_permissions_tags');
CALL row_change_triggers_drop('users_user_groups', 'users_user_groups_tags');
CALL row_change_triggers_drop('users_token', 'users_token_tags');
CALL row_change_triggers_drop('users_user', 'users_user_tags');
