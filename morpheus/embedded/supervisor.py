"""Start, watch and stop the embedded services of a var folder."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import postgres, valkey
from .addresses import Addresses
from .guard_client import RECORD, GuardedServices, read_record, stop_services, use_folder
from .paths import ServiceError, ServicePaths, find_paths, prepare_paths
from .processes import stop_process
from .roles import ensure_roles

# Recovery after a crash in the middle of a large load takes long.
START_TIMEOUT_S = 180.0
# A server that ends so often while it starts will not become ready.
STARTS_BEFORE_GIVING_UP = 4
POLL_S = 0.05

# In the order of their start.
SERVERS = {"postgres": postgres, "valkey": valkey}


@dataclass(frozen=True)
class ServiceStatus:
    """One service at this moment; `version` is None if it does not respond."""

    name: str
    pid: int | None
    socket: Path
    data: Path
    version: str | None

    @property
    def is_up(self) -> bool:
        return self.version is not None

    def __str__(self) -> str:
        if not self.is_up:
            return f"{self.name}: down, data in {self.data}"
        return (
            f"{self.name}: up, {self.version}, pid {self.pid}, socket {self.socket}, "
            f"data in {self.data}"
        )


class EmbeddedServices:
    """PostgreSQL and Valkey of one var folder, for any number of processes at once.

    The first process that wants them starts them. They stop with the last one that uses them, even
    if it is killed.

    Attributes:
        wanted: Names of the services to run: "postgres", "valkey".
        durable: False makes PostgreSQL faster, and a crash may lose data; for tests.
    """

    def __init__(
        self,
        var: Path,
        *,
        wanted: tuple[str, ...] = tuple(SERVERS),
        durable: bool = True,
    ) -> None:
        self.var = var.resolve()
        self.addresses = Addresses.under(self.var)
        self.wanted = wanted
        self.durable = durable
        self._use: int | None = None
        self._guarded: GuardedServices | None = None

    def start(self, *, detached: bool = False) -> Self:
        """Start the services if they do not run; return when all are ready and the roles exist.

        `detached` services outlive all processes until `stop_services`.

        Raises:
            ServiceError: A service does not start; the message holds the end of its log.
        """
        self.var.mkdir(parents=True, exist_ok=True)
        self._use = use_folder(self.var)
        try:
            if (lock := self._lock_or_attach()) is not None:
                self._start_guard(lock, detached=detached)
            if "postgres" in self.wanted:
                ensure_roles(self.addresses.database_url("postgres", "postgres"))
        except BaseException:
            if self._guarded is not None:
                self._guarded.stop()
            self.stop()
            raise
        if detached:
            self._release()
        return self

    def stop(self) -> None:
        """Stop the services if no other process uses them; return when they have ended."""
        if self._use is None:
            return
        try:
            fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # Another process uses them.
        else:
            stop_services(self.var)
        self._release()

    def have_ended(self) -> bool:
        """Tell whether the services that this object started have ended without `stop`."""
        return self._guarded is not None and self._guarded.have_ended()

    def are_running(self) -> bool:
        """Tell whether all wanted services respond, whichever process started them."""
        return all(SERVERS[name].read_version(self.addresses) for name in self.wanted)

    def status(self) -> list[ServiceStatus]:
        """Return the status of each wanted service, whichever process started it."""
        paths, addresses = find_paths(self.var), self.addresses
        places = {
            "postgres": (addresses.postgres_socket, paths.postgres_data),
            "valkey": (addresses.redis_socket, paths.valkey_data),
        }
        pids = read_record(self.var).get("services", {})
        return [
            ServiceStatus(
                name=name,
                pid=pids.get(name),
                socket=places[name][0],
                data=places[name][1],
                version=SERVERS[name].read_version(addresses),
            )
            for name in self.wanted
        ]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _release(self) -> None:
        if self._guarded is not None and not self._guarded.have_ended():
            self._guarded.let_go()
        if self._use is not None:
            os.close(self._use)
        self._use = self._guarded = None

    def _lock_or_attach(self) -> int | None:
        """Return the locked descriptor, or None if another process runs the wanted services."""
        lock_file = find_paths(self.var).lock_file
        try:
            lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise ServiceError(f"{self.var} belongs to another user.") from error
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if self._is_served():
                    os.close(lock)
                    return None
            time.sleep(POLL_S)
        os.close(lock)
        raise ServiceError(f"Another process holds {lock_file}, and its services are not ready.")

    def _start_guard(self, lock: int, *, detached: bool) -> None:
        try:
            paths = prepare_paths(self.var, self.addresses.socket_dir)
            self._stop_orphans()
            self._guarded = GuardedServices(
                [
                    SERVERS[name].build_service(paths, self.addresses, durable=self.durable)
                    for name in self.wanted
                ],
                log=paths.log_file("guard"),
                shared_folder=self.var,
                record=paths.var / RECORD,
                lock=lock,
                # A user of its own servers does not stop them.
                descriptors=(self._use,) if detached and self._use is not None else (),
            )
        finally:
            os.close(lock)  # Only the guard holds it from now on.
        self._wait_until_ready(paths, self._guarded)

    def _is_served(self) -> bool:
        """Tell whether the wanted services of another process are ready."""
        record = read_record(self.var)
        if record.get("state") != "running":
            return False
        missing = set(self.wanted) - set(record["services"])
        if missing:
            raise ServiceError(
                f"The services of {self.var} already run, without {', '.join(sorted(missing))}. "
                "Stop them first: `manage.py services down`."
            )
        return self.are_running()

    def _stop_orphans(self) -> None:
        """Stop the services in the last record that still run: their guard was killed."""
        for pid in read_record(self.var).get("services", {}).values():
            needle = str(self.addresses.socket_dir)
            gentle_to_hard = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
            stop_process(pid, needle, signals=gentle_to_hard, timeout_s=10)
        (self.var / RECORD).unlink(missing_ok=True)

    def _wait_until_ready(self, paths: ServicePaths, guarded: GuardedServices) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        pids: dict[str, set[int]] = {name: set() for name in self.wanted}
        for name in self.wanted:
            while not SERVERS[name].read_version(self.addresses):
                pids[name].add(read_record(self.var).get("services", {}).get(name, 0))
                given_up = len(pids[name] - {0}) >= STARTS_BEFORE_GIVING_UP
                if given_up or time.monotonic() > deadline:
                    raise ServiceError(
                        f"{name} does not start:\n{_read_tail(paths.log_file(name))}"
                    )
                if guarded.have_ended():
                    raise ServiceError(f"The guard ended:\n{_read_tail(paths.log_file('guard'))}")
                time.sleep(POLL_S)


def _read_tail(file: Path, lines: int = 15) -> str:
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
