"""`compose.yaml` as data, and its PostgreSQL from the wheel instead of the image."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import yaml

from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import GuardedServices
from morpheus.embedded.paths import ServicePaths, find_paths, make_private_folder
from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import PATIENCE_S, REPOSITORY, wait_until

COMPOSE = REPOSITORY / "compose.yaml"
EXAMPLE = REPOSITORY / "ops" / "compose" / "production.env.example"
PASSWORD = "letters0and1digits"


def read_compose() -> dict[str, Any]:
    """Return the services; `<<` is merged, and variables are as they are written."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


class ComposePostgres:
    """PostgreSQL as the service `postgres` or `replica` starts it, on a port of this machine.

    Attributes:
        folder: Its data and its copy of `ops/postgres/`, which its user can read.
    """

    def __init__(self, services: EmbeddedServices, name: str, port: int) -> None:
        self.paths: ServicePaths = find_paths(services.var)
        self.name, self.port = name, port
        self.folder = (self.paths.root_state or self.paths.var) / f"compose-{name}"
        make_private_folder(self.folder, self.paths.user)
        self.log = services.var / f"compose-{name}.log"
        self.environment = {
            "PATH": f"{self.paths.postgres_home / 'bin'}:{os.defpath}",
            "PGDATA": str(self.folder / "data"),
        }
        for file in (REPOSITORY / "ops" / "postgres").iterdir():
            copy = Path(shutil.copy(file, self.folder))
            if self.paths.user:
                os.chown(copy, self.paths.user.pw_uid, -1)
        self._guarded: GuardedServices | None = None

    def url(self, role: str, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def initialize(self) -> None:
        """Make the cluster, with the arguments of the service."""
        arguments = shlex.split(read_compose()["postgres"]["environment"]["POSTGRES_INITDB_ARGS"])
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        user = self.paths.user
        subprocess.run(
            ["initdb", *arguments, "--username=postgres", f"--pwfile={password}"],
            env=self.environment,
            user=user.pw_uid if user else None,
            extra_groups=[] if user else None,
            cwd="/",
            check=True,
            capture_output=True,
        )

    def start(self, *script: str, **environment: str) -> None:
        """Start it with the service's command, as an argument of `script` if there is one."""
        command = [
            argument.replace("/etc/postgresql", str(self.folder))
            for argument in [*script, *read_compose()[self.name]["command"]]
        ]
        here = ["-c", f"port={self.port}", "-c", f"unix_socket_directories={self.folder}"]
        user = self.paths.user
        service = Service(
            name=self.name,
            # Less memory than in production.
            command=["/usr/bin/env", *command, *here, "-c", "shared_buffers=32MB"],
            log=self.log,
            signals=[signal.SIGINT, signal.SIGQUIT],
            patience_s=PATIENCE_S,
            environment=self.environment | environment,
            uid=user.pw_uid if user else None,
            gid=user.pw_gid if user else None,
        )
        self._guarded = GuardedServices([service])
        try:
            wait_until(self._is_ready)
        except BaseException:
            print(self.log.read_text())
            self.stop()
            raise

    def stop(self) -> None:
        if self._guarded is not None:
            self._guarded.stop()

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("postgres", "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
