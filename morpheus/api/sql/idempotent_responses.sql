-- Stored responses belong to the user of the request, and go with the user.
-- users/sql/policies.sql explains the form of each policy. The largest body is that of a novel with
-- its synopsis; a larger one would let a client fill the table.

-- migrate:up
ALTER TABLE api_idempotent_response
    ADD CONSTRAINT api_idempotent_response_user_id_fk FOREIGN KEY (user_id)
    REFERENCES users_user ON DELETE CASCADE;
ALTER TABLE api_idempotent_response
    ADD CONSTRAINT api_idempotent_response_size_ck CHECK (octet_length(body) <= 65536);

ALTER TABLE api_idempotent_response ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_idempotent_response FORCE ROW LEVEL SECURITY;
CREATE POLICY api_idempotent_response_read ON api_idempotent_response FOR SELECT
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY api_idempotent_response_insert ON api_idempotent_response FOR INSERT
WITH CHECK (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY api_idempotent_response_update ON api_idempotent_response FOR UPDATE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);
CREATE POLICY api_idempotent_response_delete ON api_idempotent_response FOR DELETE
USING (
    user_id = NULLIF(current_setting('app.user_id', true), '')::bigint
    OR current_setting('app.staff', true) = 'on'
);

-- migrate:down
DROP POLICY api_idempotent_response_delete ON api_idempotent_response;
DROP POLICY api_idempotent_response_update ON api_idempotent_response;
DROP POLICY api_idempotent_response_insert ON api_idempotent_response;
DROP POLICY api_idempotent_response_read ON api_idempotent_response;
ALTER TABLE api_idempotent_response NO FORCE ROW LEVEL SECURITY;
ALTER TABLE api_idempotent_response DISABLE ROW LEVEL SECURITY;
ALTER TABLE api_idempotent_response DROP CONSTRAINT api_idempotent_response_size_ck;
ALTER TABLE api_idempotent_response DROP CONSTRAINT api_idempotent_response_user_id_fk;
