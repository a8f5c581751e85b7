-- Row level security of slow queries: staff alone, although no statement contains a value.
-- users/sql/policies.sql explains the form of each policy.

-- migrate:up
ALTER TABLE perf_slowquery ENABLE ROW LEVEL SECURITY;
ALTER TABLE perf_slowquery FORCE ROW LEVEL SECURITY;
CREATE POLICY perf_slowquery_read ON perf_slowquery FOR SELECT
USING (current_setting('app.staff', true) = 'on');
CREATE POLICY perf_slowquery_insert ON perf_slowquery FOR INSERT
WITH CHECK (current_setting('app.staff', true) = 'on');
CREATE POLICY perf_slowquery_update ON perf_slowquery FOR UPDATE
USING (current_setting('app.staff', true) = 'on');
CREATE POLICY perf_slowquery_delete ON perf_slowquery FOR DELETE
USING (current_setting('app.staff', true) = 'on');

-- migrate:down
DROP POLICY perf_slowquery_delete ON perf_slowquery;
DROP POLICY perf_slowquery_update ON perf_slowquery;
DROP POLICY perf_slowquery_insert ON perf_slowquery;
DROP POLICY perf_slowquery_read ON perf_slowquery;
ALTER TABLE perf_slowquery NO FORCE ROW LEVEL SECURITY;
ALTER TABLE perf_slowquery DISABLE ROW LEVEL SECURITY;
