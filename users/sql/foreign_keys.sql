-- Foreign keys whose deletions PostgreSQL carries out itself.
--
-- Django's own on_delete loads the rows and deletes them as the caller. Row level security may hide
-- some of them from the caller. The model fields say DO_NOTHING and db_constraint=False.

-- migrate:up
ALTER TABLE users_token
    ADD CONSTRAINT users_token_user_id_fk FOREIGN KEY (user_id)
    REFERENCES users_user ON DELETE CASCADE;

-- migrate:down
ALTER TABLE users_token DROP CONSTRAINT users_token_user_id_fk;
