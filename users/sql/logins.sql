-- How a user is found before there is an identity, and the name that everyone may read.
--
-- Two functions look past row level security, each for a caller with a secret: a token's digest, or
-- an e-mail address whose password will be compared. Each returns at most one row, which the caller
-- judges: an expired token or an inactive user is refused later. docs/security.md says why there are
-- these and no others.

-- migrate:up
-- The view reads as its owner, which may see all rows for this purpose. It has two relations, so
-- PostgreSQL accepts no write through it, whatever is granted. The empty relation costs nothing:
-- the planner joins users_user as if the query had named it.
CREATE POLICY users_user_shown ON users_user FOR SELECT TO morpheus_owner USING (true);
CREATE VIEW users_publicuser AS
SELECT u.id, u.display_name FROM users_user u, (SELECT) one_row;

CREATE FUNCTION users_by_email(address text) RETURNS SETOF users_user
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT * FROM users_user u WHERE u.email = address $$;

CREATE FUNCTION users_by_token(secret_digest bytea)
RETURNS TABLE (token_id bigint, created_at timestamptz, expires_at timestamptz, person users_user)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT t.id, t.created_at, t.expires_at, u
    FROM users_token t JOIN users_user u ON u.id = t.user_id
    WHERE t.digest = secret_digest
$$;

-- The loader owns both, because row level security does not bind it. It grants EXECUTE itself: a
-- new owner takes over what the old owner was granted.
REVOKE ALL ON FUNCTION users_by_email(text), users_by_token(bytea) FROM PUBLIC;
ALTER FUNCTION users_by_email(text) OWNER TO morpheus_loader;
ALTER FUNCTION users_by_token(bytea) OWNER TO morpheus_loader;
SET LOCAL ROLE morpheus_loader;
GRANT EXECUTE ON FUNCTION users_by_email(text), users_by_token(bytea) TO morpheus_app;
RESET ROLE;

-- migrate:down
SET LOCAL ROLE morpheus_loader;
DROP FUNCTION users_by_token(bytea), users_by_email(text);
RESET ROLE;
DROP VIEW users_publicuser;
DROP POLICY users_user_shown ON users_user;
