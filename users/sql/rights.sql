-- Only staff give or take rights.
--
-- A policy cannot compare a row with its old values, so a trigger does. It runs only when a right
-- changes. Roles that row level security does not bind may change rights.

-- migrate:up
CREATE FUNCTION users_keep_rights() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF row_security_active('users_user')
        AND NOT COALESCE(current_setting('app.staff', true) = 'on', false)
    THEN
        RAISE insufficient_privilege USING MESSAGE = 'Only staff give or take rights.';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER users_user_keep_rights BEFORE UPDATE ON users_user FOR EACH ROW
WHEN ((OLD.is_staff, OLD.is_superuser) IS DISTINCT FROM (NEW.is_staff, NEW.is_superuser))
EXECUTE FUNCTION users_keep_rights();

-- migrate:down
DROP TRIGGER users_user_keep_rights ON users_user;
DROP FUNCTION users_keep_rights();
