"""The commands of docs/backup.md for a point in time, on a cluster of Debian's PostgreSQL."""

from __future__ import annotations

import re
import time

from morpheus.cache.outbox import IDENTITY

from .debian import ARCHIVE, COPY, MOMENT, RESTORE, Debian
from .debian import debian as debian


def test_the_documented_commands_restore_to_a_moment(debian: Debian) -> None:
    debian.shell(ARCHIVE)
    debian.psql("CREATE TABLE entries AS SELECT 'before the copy' AS entry")
    debian.shell(COPY)
    debian.psql("INSERT INTO entries VALUES ('before the moment')")
    time.sleep(0.1)
    moment = debian.psql("SELECT clock_timestamp()")
    time.sleep(0.1)
    debian.psql("DELETE FROM entries")
    debian.psql("INSERT INTO entries VALUES ('after the moment')")
    identity = debian.psql(IDENTITY)
    copy = debian.shell('ls -d "$BASE"/*Z')
    assert set(re.findall(r"(\w+)=", MOMENT)) == {"TARGET", "COPY"}

    debian.shell(RESTORE, TARGET=moment, COPY=copy)

    entries = debian.psql("SELECT entry FROM entries ORDER BY entry").splitlines()
    assert entries == ["before the copy", "before the moment"]
    # So the cache is emptied, although nothing of Morpheus took part.
    assert debian.psql(IDENTITY) != identity
    # The restored server archives, and can be copied again.
    debian.psql("SELECT pg_switch_wal()")
    debian.shell(COPY)
    assert len(debian.shell('ls -d "$BASE"/*Z').splitlines()) == 2
