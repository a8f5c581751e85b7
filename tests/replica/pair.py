"""A primary and a streaming replica, real ones, on Unix sockets of one private folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import GuardedServices
from morpheus.embedded.paths import find_paths, make_private_folder
from morpheus.embedded.postgres import ENVIRONMENT
from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import PATIENCE_S, wait_until

REPLICA_PORT = 5433


class Standby:
    """A copy of a server of the same folder, which follows it until it is promoted."""

    def __init__(self, var: Path, name: str, port: int) -> None:
        self.var = var
        self.name = name
        self.port = port
        self._server: GuardedServices | None = None

    def make(self, source_port: int) -> None:
        """Copy a server as it is now, and start the copy."""
        state = find_paths(self.var)
        data = self._data()
        shutil.rmtree(data, ignore_errors=True)
        make_private_folder(data, state.user)
        subprocess.run(
            [
                str(state.postgres_home / "bin" / "pg_basebackup"),
                *("--pgdata", str(data), "--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
                *("--username", "postgres", "--host", str(Addresses.under(self.var).socket_dir)),
                *("--port", str(source_port)),
            ],
            env=ENVIRONMENT,
            cwd="/",
            check=True,
            **self._user(),
        )
        self.start()

    def start(self) -> None:
        state, addresses = find_paths(self.var), Addresses.under(self.var)
        service = Service(
            name=self.name,
            command=[
                *(str(state.postgres_home / "bin" / "postgres"), "-D", str(self._data())),
                *("-c", "listen_addresses=", "-c", f"port={self.port}"),
                *("-c", f"unix_socket_directories={addresses.socket_dir}"),
            ],
            log=self.var / f"{self.name}.log",
            signals=[signal.SIGQUIT],
            patience_s=PATIENCE_S,
            environment=ENVIRONMENT,
            uid=state.user.pw_uid if state.user else None,
            gid=state.user.pw_gid if state.user else None,
        )
        self._server = GuardedServices([service])
        wait_until(lambda: self.run("SELECT 1") == [(1,)])

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def promote(self) -> None:
        """Return when it takes writes."""
        self.run("SELECT pg_promote()")
        wait_until(lambda: self.run("SELECT pg_is_in_recovery()") == [(False,)])

    def freeze(self) -> Callable[[], None]:
        """Let all its processes stand still; return what lets them go on."""
        pid = (self._data() / "postmaster.pid").read_text().split("\n", 1)[0]
        postmaster = psutil.Process(int(pid))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()

        def go_on() -> None:
            for process in reversed(processes):
                process.resume()

        return go_on

    def url(self, role: str) -> str:
        addresses = replace(Addresses.under(self.var), postgres_port=self.port)
        return addresses.database_url(role)

    def run(self, sql: str, *parameters: Any) -> list[Any]:
        """Run it as the administrator; nothing comes back while the server is not there."""
        try:
            return _run(self.url("postgres"), sql, parameters)
        except psycopg.OperationalError:
            return []

    def _data(self) -> Path:
        state = find_paths(self.var)
        return (state.root_state or self.var) / self.name

    def _user(self) -> dict[str, Any]:
        user = find_paths(self.var).user
        if user is None:
            return {}
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Pair:
    """The embedded services of a var folder, made to stream, and a copy that follows them."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.primary = EmbeddedServices(var, durable=False)
        self.replica = Standby(var, "replica", REPLICA_PORT)

    def start_primary(self) -> None:
        """Start it twice: what replication needs is read at the start only."""
        with self.primary, psycopg.connect(self.primary_url(), autocommit=True) as admin:
            for setting in (
                "wal_level = replica",
                "max_wal_senders = 4",
                "synchronous_commit = on",
            ):
                admin.execute(f"ALTER SYSTEM SET {setting}")
        self.primary.start()

    def make_replica(self) -> None:
        """Copy the primary as it is now, and start the copy."""
        self.replica.make(self.primary.addresses.postgres_port)

    def start_replica(self) -> None:
        self.replica.start()

    def freeze_replica(self) -> Callable[[], None]:
        return self.replica.freeze()

    def stop_replica(self) -> None:
        self.replica.stop()

    def stop(self) -> None:
        self.stop_replica()
        self.primary.stop()

    def primary_url(self, role: str = "postgres") -> str:
        return self.primary.addresses.database_url(role)

    def replica_url(self, role: str = "morpheus_app") -> str:
        return self.replica.url(role)

    def on_primary(self, sql: str, *parameters: Any) -> list[Any]:
        return _run(self.primary_url(), sql, parameters)

    def on_replica(self, sql: str, *parameters: Any) -> list[Any]:
        return self.replica.run(sql, *parameters)

    def pause(self) -> None:
        """Stop replaying: from now on the replica stays as it is."""
        self.on_replica("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        wait_until(lambda: self.on_replica(state) == [("paused",)])

    def resume(self) -> None:
        """Replay again, and return when the replica is as far as the primary is now."""
        [(position,)] = self.on_primary("SELECT pg_current_wal_flush_lsn()::text")
        self.on_replica("SELECT pg_wal_replay_resume()")
        follows = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_until(lambda: self.on_replica(follows, position) == [(True,)])


def _run(url: str, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []
