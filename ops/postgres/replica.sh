#!/bin/bash
# Starts a streaming replica; copies the primary at the first start. PRIMARY is the URL of a login
# with the right REPLICATION. The arguments are PostgreSQL's command.
set -euo pipefail

if ! test -s "$PGDATA/PG_VERSION"; then
	# In a folder of its own until it is complete.
	rm -rf "$PGDATA.draft"
	pg_basebackup --dbname="$PRIMARY" --pgdata="$PGDATA.draft" --wal-method=stream --checkpoint=fast \
		--write-recovery-conf
	rm -rf "$PGDATA"
	mv "$PGDATA.draft" "$PGDATA"
fi
exec "$@"
