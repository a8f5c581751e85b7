-- Rights on rows that the serving role does not need (docs/security.md).
--
-- The default privileges give morpheus_app all rights on the rows of each new table. Migrations
-- alone write Django's tables of the schema and of permissions, as the owner. Triggers alone add to
-- the outbox. Nothing changes the admin's history. `manage.py services roles` revokes the same
-- rights whenever it runs (morpheus/embedded/sql/database.sql).

-- migrate:up
REVOKE INSERT, UPDATE, DELETE
    ON auth_permission, django_content_type, django_migrations, users_publicuser FROM morpheus_app;
REVOKE INSERT ON cache_outbox FROM morpheus_app;
REVOKE UPDATE ON django_admin_log FROM morpheus_app;

-- migrate:down
GRANT INSERT, UPDATE, DELETE
    ON auth_permission, django_content_type, django_migrations, users_publicuser TO morpheus_app;
GRANT INSERT ON cache_outbox TO morpheus_app;
GRANT UPDATE ON django_admin_log TO morpheus_app;
