"""A real PgBouncer in transaction mode, in front of the embedded PostgreSQL of a var folder."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import GuardedServices
from morpheus.embedded.paths import find_paths
from morpheus.embedded.postgres import ENVIRONMENT
from tests.serving import PATIENCE_S, wait_until

from .nginx import find_proxy

# Fewer than the server's threads, so that its connections change sessions all the time.
SESSIONS = 3
# Long enough to survive a pause of the machine; shorter than MORPHEUS_POOL_TIMEOUT_S, which would
# expire first otherwise.
QUERY_WAIT_S = 3
LIMITS = "SET statement_timeout = 5000; SET lock_timeout = 500"
PORT = 6432
# tests/ops/get_pgbouncer.sh unpacks it there, where PostgreSQL's user can read it.
NEWER = Path("/var/lib/morpheus/pgbouncer/pgbouncer")

CONFIGURATION = """
[databases]
morpheus = host={socket_dir} port={port} connect_query='{limits}'
tasks = host={socket_dir} port={port} dbname=morpheus

[pgbouncer]
pool_mode = transaction
unix_socket_dir = {socket_dir}
listen_port = {own_port}
auth_type = trust
auth_file = {users}
default_pool_size = {sessions}
query_wait_timeout = {query_wait_s}
"""


class PgBouncer:
    """One PgBouncer, in the socket folder of its PostgreSQL; Debian's unless `program` is given."""

    def __init__(self, var: Path, program: Path | None = None, port: int = PORT) -> None:
        self.var = var
        self.port = port
        self._program = str(program) if program else find_proxy("pgbouncer")
        self.addresses = Addresses.under(var)
        self._guarded: GuardedServices | None = None

    def url(self, database: str = "morpheus", role: str = "morpheus_app") -> str:
        return f"host={self.addresses.socket_dir} port={self.port} dbname={database} user={role}"

    def start(self) -> None:
        user = find_paths(self.var).user
        service = Service(
            name=f"pgbouncer{self.port}",
            command=[self._program, str(self._configure())],
            log=self.var / f"pgbouncer{self.port}.log",
            signals=[signal.SIGINT, signal.SIGTERM],
            patience_s=PATIENCE_S,
            environment=ENVIRONMENT,
            uid=user.pw_uid if user else None,
            gid=user.pw_gid if user else None,
        )
        self._guarded = GuardedServices([service])
        wait_until(self._is_ready)

    def stop(self) -> None:
        if self._guarded is not None:
            self._guarded.stop()
            self._guarded = None

    def _configure(self) -> Path:
        """Write its files where its user can read them; return the main one."""
        folder = self.addresses.socket_dir
        users = folder / "users.txt"
        users.write_text('"morpheus_app" ""\n')
        file = folder / f"pgbouncer{self.port}.ini"
        file.write_text(
            CONFIGURATION.format(
                socket_dir=folder,
                port=self.addresses.postgres_port,
                own_port=self.port,
                limits=LIMITS,
                users=users,
                sessions=SESSIONS,
                query_wait_s=QUERY_WAIT_S,
            )
        )
        for each in (users, file):
            each.chmod(0o644)
        return file

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
