"""What an operator wants to know about the embedded services."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

import psycopg

from .addresses import Addresses
from .state import State


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now; `version` is None when it does not answer."""

    name: str
    pid: int | None
    socket: Path
    data: Path
    size_bytes: int
    version: str | None

    @property
    def is_up(self) -> bool:
        return self.version is not None

    def __str__(self) -> str:
        if not self.is_up:
            return f"{self.name}: down, data in {self.data} ({self.size_bytes >> 20} MB)"
        return (
            f"{self.name}: up, {self.version}, pid {self.pid}, socket {self.socket}, "
            f"data in {self.data} ({self.size_bytes >> 20} MB)"
        )


def postgres_status(state: State, addresses: Addresses, pid: int | None) -> ServiceStatus:
    """Return the state of the embedded PostgreSQL, whose process is `pid`."""
    version = None
    try:
        url = addresses.database_url("postgres", "postgres")
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = f"PostgreSQL {connection.info.parameter_status('server_version')}"
    except psycopg.OperationalError:
        pass
    data = state.postgres_data
    return ServiceStatus("postgres", pid, addresses.postgres_socket, data, _size(data), version)


def valkey_status(state: State, addresses: Addresses, pid: int | None) -> ServiceStatus:
    """Return the state of the embedded Valkey, whose process is `pid`."""
    version = None
    found = re.search(rb"valkey_version:(\S+)", ask_valkey(addresses, b"INFO server\r\n"))
    if found:
        version = f"Valkey {found[1].decode()}"
    data = state.valkey_data
    return ServiceStatus("valkey", pid, addresses.redis_socket, data, _size(data), version)


def ask_valkey(addresses: Addresses, command: bytes) -> bytes:
    """Send one inline command; return up to 64 kB of the raw answer, empty when there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(addresses.redis_socket))
            client.sendall(command)
            return client.recv(65536)
    except OSError:
        return b""


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue  # A running server removes files.
    return total
