-- Once per server: the three roles and their memberships. It may be run again and again.

DO $$
DECLARE
    wanted record;
    attributes text;
BEGIN
    FOR wanted IN
        SELECT *
        FROM (
            VALUES
                -- Owns the tables and runs migrations. NOINHERIT matters on PostgreSQL 15, whose
                -- GRANT has no such option: the owner must not bypass RLS as the loader does.
                ('morpheus_owner', false, false),
                -- Serves requests; RLS binds it.
                ('morpheus_app', true, false),
                -- Seeds by COPY; owns the functions that need to look past RLS.
                ('morpheus_loader', true, true)
        ) AS roles (name, inherits, bypasses_rls)
    LOOP
        attributes := format(
            'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE %s %s',
            CASE WHEN wanted.inherits THEN 'INHERIT' ELSE 'NOINHERIT' END,
            CASE WHEN wanted.bypasses_rls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END
        );
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, attributes);
        -- An ALTER that changes nothing would still need a superuser.
        ELSIF EXISTS (
            SELECT FROM pg_roles
            WHERE rolname = wanted.name AND (
                rolsuper OR rolcreaterole OR rolcreatedb OR NOT rolcanlogin
                OR rolinherit <> wanted.inherits OR rolbypassrls <> wanted.bypasses_rls
            )
        ) THEN
            EXECUTE format('ALTER ROLE %I %s', wanted.name, attributes);
        END IF;
    END LOOP;
END $$;

-- The owner may become the loader on request (a migration gives a function to it), but does not
-- inherit its rights. EXECUTE, because PostgreSQL 15 cannot parse the newer form. Older versions let
-- the owner become the serving role. An administrator without superuser rights must be a member of
-- the owner to grant for it.
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT morpheus_loader TO morpheus_owner WITH INHERIT FALSE, SET TRUE';
    ELSE
        GRANT morpheus_loader TO morpheus_owner;
    END IF;
    IF pg_has_role('morpheus_owner', 'morpheus_app', 'MEMBER') THEN
        REVOKE morpheus_app FROM morpheus_owner;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT morpheus_owner TO CURRENT_USER;
    END IF;
END $$;

-- PostgreSQL hides the sessions of other roles. pg_read_all_stats would show everything, texts of
-- statements too, which contain passwords (ALTER ROLE). So the loader has it, and database.sql gives
-- the serving role figures without any text.
DO $$ BEGIN
    IF pg_has_role('morpheus_app', 'pg_read_all_stats', 'MEMBER') THEN
        REVOKE pg_read_all_stats FROM morpheus_app;
    END IF;
    GRANT pg_read_all_stats TO morpheus_loader;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'Morpheus: pg_read_all_stats was not granted (%): the performance dashboard sees the sessions of morpheus_app only, and no lag of replicas.', SQLERRM;
END $$;
