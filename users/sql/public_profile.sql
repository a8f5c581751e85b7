-- The profile that everyone may read: of active users alone, without address and rights.
--
-- logins.sql says why the view reads as its owner, and why it has two relations.

-- migrate:up
CREATE VIEW users_publicprofile AS
SELECT u.id, u.display_name, u.bio, u.date_joined FROM users_user u, (SELECT) one_row
WHERE u.is_active;
-- The default privileges granted more (docs/security.md).
REVOKE INSERT, UPDATE, DELETE ON users_publicprofile FROM morpheus_app;

-- migrate:down
DROP VIEW users_publicprofile;
