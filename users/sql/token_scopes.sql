-- How a token is found before there is an identity, with its scopes.
--
-- As users_by_token (logins.sql), which stays for servers of the release before: the columns of a
-- function's result cannot change.

-- migrate:up
CREATE FUNCTION users_token_by_digest(secret_digest bytea)
RETURNS TABLE (
    token_id bigint, user_id bigint, created_at timestamptz, expires_at timestamptz,
    can_write boolean
)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT t.id, t.user_id, t.created_at, t.expires_at, t.can_write
    FROM users_token t
    WHERE t.digest = secret_digest
$$;
REVOKE ALL ON FUNCTION users_token_by_digest(bytea) FROM PUBLIC;
ALTER FUNCTION users_token_by_digest(bytea) OWNER TO morpheus_loader;
SET LOCAL ROLE morpheus_loader;
GRANT EXECUTE ON FUNCTION users_token_by_digest(bytea) TO morpheus_app;
RESET ROLE;

-- migrate:down
SET LOCAL ROLE morpheus_loader;
DROP FUNCTION users_token_by_digest(bytea);
RESET ROLE;
