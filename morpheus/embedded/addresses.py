"""Where the embedded services answer; computed from the var folder alone, without touching it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# Valkey's logical databases: enough for one per use and per parallel test worker.
REDIS_DATABASES = 256


@dataclass(frozen=True)
class Addresses:
    """Unix sockets of one var folder; two checkouts have different ones.

    Attributes:
        socket_dir: Private folder of both sockets. Its path is short whatever the checkout's is,
            because a socket's path may have 107 bytes at most.
        postgres_port: Part of the socket's name; no TCP port is opened.
    """

    var: Path
    socket_dir: Path
    postgres_port: int = 5432

    @classmethod
    def under(cls, var: Path) -> Addresses:
        """Return the addresses of the services whose state lies under `var`."""
        resolved = var.resolve()
        digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:12]
        return cls(resolved, Path("/tmp") / f"morpheus-{os.geteuid()}-{digest}")  # noqa: S108

    @property
    def postgres_socket(self) -> Path:
        return self.socket_dir / f".s.PGSQL.{self.postgres_port}"

    @property
    def redis_socket(self) -> Path:
        return self.socket_dir / "valkey.sock"

    def database_url(self, role: str, database: str = "morpheus") -> str:
        """Return the URL by which `role` reaches `database`; no password is needed."""
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{role}@/{database}?host={host}&port={self.postgres_port}"

    def redis_url(self, db: int) -> str:
        """Return the URL of logical database `db`, 0 to 255."""
        return f"unix://{self.redis_socket}?db={db}"
