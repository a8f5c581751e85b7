"""What the serving role may know of the server beside its own work, as SQL.

PostgreSQL hides the sessions and statements of other roles. `pg_read_all_stats` would show all,
their texts too, in which there are passwords (ALTER ROLE) and whatever an administrator typed. So
the loader has it, and gives the serving role figures through two functions, without any text.
"""

from __future__ import annotations

from .names import APP, LOADER, NOTE

GRANT = f"""\
DO $$ BEGIN
    IF pg_has_role('{APP}', 'pg_read_all_stats', 'MEMBER') THEN
        REVOKE pg_read_all_stats FROM {APP};
    END IF;
    GRANT pg_read_all_stats TO {LOADER};
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE '{NOTE}pg_read_all_stats was not granted (%): the performance dashboard sees the sessions of {APP} only, and no lag of replicas.', SQLERRM;
END $$"""  # noqa: E501

# Without its library the server still works, only unobserved: a note, not an error.
EXTENSION = f"""\
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE '{NOTE}pg_stat_statements is not available (%): slow queries are not recorded. Put it into shared_preload_libraries.', SQLERRM;
END $$"""  # noqa: E501

_SESSIONS = """\
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
$$"""

_REPLICAS = """\
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
$$"""


def _door(name: str, definition: str) -> list[str]:
    """Return what makes a function of the loader that the serving role may call, and nobody else.

    As the loader from the start, so that it may be made again; anew, because CREATE OR REPLACE
    refuses other columns.
    """
    return [
        f"SET ROLE {LOADER}",
        f"DROP FUNCTION IF EXISTS {name}()",
        definition,
        f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {name}() TO {APP}",
        "RESET ROLE",
    ]


DOORS = [*_door("morpheus_sessions", _SESSIONS), *_door("morpheus_replicas", _REPLICAS)]
