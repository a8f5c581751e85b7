-- Which workers are alive: each renews the expiry of its row every few seconds (lease.py).
--
-- Not an advisory lock: one of a transaction makes CREATE INDEX CONCURRENTLY wait for as long as the
-- worker lives, and PgBouncer keeps no session for one of a session. A row holds random ids only, so
-- it has no row level security.

-- migrate:up
CREATE TABLE worker_lease (
    worker_id text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

-- migrate:down
DROP TABLE worker_lease;
