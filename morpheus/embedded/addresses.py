"""The addresses of the embedded services, computed from the var folder's path alone."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# Logical databases of Valkey: enough for all uses in each parallel test worker.
REDIS_DATABASES = 256


@dataclass(frozen=True)
class Addresses:
    """Unix sockets of one var folder.

    Attributes:
        socket_dir: Private folder of both sockets. Its path is short for every checkout, because
            the path of a socket may have at most 107 bytes.
        postgres_port: Part of the socket's name; PostgreSQL opens no TCP port.
    """

    var: Path
    socket_dir: Path
    postgres_port: int = 5432

    @classmethod
    def under(cls, var: Path) -> Addresses:
        """Return the addresses of the services of `var`."""
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
        """Return the URL of `database` for `role`, which needs no password."""
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{role}@/{database}?host={host}&port={self.postgres_port}"

    def redis_url(self, db: int) -> str:
        """Return the URL of logical database `db`, 0 to 255."""
        return f"unix://{self.redis_socket}?db={db}"
