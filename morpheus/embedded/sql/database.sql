-- In each database: owner, rights, extensions, statistics. It may be run again and again.

DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO morpheus_owner', current_database());
    EXECUTE format(
        'GRANT CONNECT, TEMPORARY ON DATABASE %I TO morpheus_app, morpheus_loader',
        current_database()
    );
END $$;

DO $$ BEGIN
    IF current_setting('is_superuser')::boolean
        OR current_setting('server_version_num')::int >= 160000
    THEN
        ALTER SCHEMA public OWNER TO morpheus_owner;
    ELSE
        -- The owner of the database has the schema by a role that NOINHERIT keeps from it.
        SET ROLE pg_database_owner;
        GRANT USAGE, CREATE ON SCHEMA public TO morpheus_owner WITH GRANT OPTION;
        RESET ROLE;
    END IF;
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO morpheus_app;
-- ALTER FUNCTION … OWNER TO needs CREATE for the new owner.
GRANT USAGE, CREATE ON SCHEMA public TO morpheus_loader;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO morpheus_app;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO morpheus_loader;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO morpheus_app;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO morpheus_loader;

ALTER DEFAULT PRIVILEGES FOR ROLE morpheus_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO morpheus_app;
ALTER DEFAULT PRIVILEGES FOR ROLE morpheus_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO morpheus_loader;
ALTER DEFAULT PRIVILEGES FOR ROLE morpheus_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO morpheus_app;
ALTER DEFAULT PRIVILEGES FOR ROLE morpheus_owner IN SCHEMA public
    GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO morpheus_loader;

-- Rights that the serving role does not need: migrations fill these tables (except the last four),
-- triggers alone count, only `cache_touch` inserts into the outbox, the cache's one row of its database is only updated,
-- and nothing changes the admin's history. The defaults above grant them, so the tables' migrations
-- revoke them, and so does this script.
DO $$
DECLARE
    withheld record;
BEGIN
    FOR withheld IN
        SELECT *
        FROM (
            VALUES
                ('auth_permission', 'INSERT, UPDATE, DELETE'),
                ('django_content_type', 'INSERT, UPDATE, DELETE'),
                ('django_migrations', 'INSERT, UPDATE, DELETE'),
                ('users_publicuser', 'INSERT, UPDATE, DELETE'),
                ('users_publicprofile', 'INSERT, UPDATE, DELETE'),
                ('novels_publiccount', 'INSERT, UPDATE, DELETE'),
                ('cache_outbox', 'INSERT'),
                ('cache_database', 'INSERT, DELETE'),
                ('django_admin_log', 'UPDATE')
        ) AS rights (table_name, kinds)
        WHERE to_regclass('public.' || table_name) IS NOT NULL
    LOOP
        EXECUTE format('REVOKE %s ON public.%I FROM morpheus_app', withheld.kinds, withheld.table_name);
    END LOOP;
END $$;

-- Search folds accents.
CREATE EXTENSION IF NOT EXISTS unaccent;

-- Without its library the server works, but slow queries are not recorded: a notice, not an error.
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'Morpheus: pg_stat_statements is not available (%): slow queries are not recorded. Put it into shared_preload_libraries.', SQLERRM;
END $$;

-- Statistics of all sessions and replicas for the serving role, without any text. The loader makes
-- the functions, so that it can replace them later. DROP, because CREATE OR REPLACE refuses other
-- columns.
SET ROLE morpheus_loader;

DROP FUNCTION IF EXISTS morpheus_sessions();
CREATE FUNCTION morpheus_sessions() RETURNS TABLE (
    role text,
    state text,
    is_waiting_for_lock boolean,
    transaction_s double precision,
    state_s double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    usename::text,
    state,
    wait_event_type = 'Lock',
    extract(epoch FROM clock_timestamp() - xact_start)::float8,
    extract(epoch FROM clock_timestamp() - state_change)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
$$;
REVOKE ALL ON FUNCTION morpheus_sessions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION morpheus_sessions() TO morpheus_app;

DROP FUNCTION IF EXISTS morpheus_replicas();
CREATE FUNCTION morpheus_replicas() RETURNS TABLE (
    name text,
    state text,
    sync_state text,
    lag_bytes bigint,
    lag_s double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    application_name,
    state,
    sync_state,
    CASE WHEN NOT pg_is_in_recovery() THEN
        pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint
    END,
    extract(epoch FROM replay_lag)::float8
FROM pg_stat_replication
$$;
REVOKE ALL ON FUNCTION morpheus_replicas() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION morpheus_replicas() TO morpheus_app;

RESET ROLE;
