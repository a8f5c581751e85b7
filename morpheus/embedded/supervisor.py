"""The one way to start and stop the embedded services of a var folder."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from . import postgres, processes, valkey
from .addresses import Addresses
from .guard import Service
from .guarded import GuardedServices
from .roles import RolesUnavailable, ensure_roles
from .state import ServiceError, State, locate, prepare
from .status import ServiceStatus, postgres_status, valkey_status
from .stopping import read_record

DEFAULT_CACHE_MB = 256
# Recovery after a crash in the middle of a large load takes its time.
START_TIMEOUT_S = 180.0
# A server that fails this often while starting will not make it.
STARTS_BEFORE_GIVING_UP = 4
POLL_S = 0.05
# A guard notices the end of its owner at once; this is ample on a busy machine.
SETTLE_S = 0.2


class EmbeddedServices:
    """PostgreSQL and Valkey of one var folder, in the care of this process.

    They go when it stops, exits or is killed. Where a live supervisor already serves the folder,
    `start` uses its services and `stop` leaves them alone.

    Attributes:
        wanted: Names of the services to run, of "postgres" and "valkey".
        durable: False makes PostgreSQL faster and forgetful, for tests.
        is_owner: Whether this object started the services.
    """

    def __init__(
        self,
        var: Path,
        *,
        wanted: tuple[str, ...] = ("postgres", "valkey"),
        cache_mb: int = DEFAULT_CACHE_MB,
        durable: bool = True,
    ) -> None:
        self.var = var.resolve()
        self.addresses = Addresses.under(self.var)
        self.wanted = wanted
        self.cache_mb = cache_mb
        self.durable = durable
        self._guarded: GuardedServices | None = None

    @property
    def is_owner(self) -> bool:
        return self._guarded is not None

    def start(self, *, detached: bool = False) -> Self:
        """Return when all wanted services answer and the roles exist.

        `detached` services outlive this process; `stop_services` ends them.

        Raises:
            ServiceError: A service does not start; the message holds the end of its log.
        """
        self.var.mkdir(parents=True, exist_ok=True)
        while (lock := self._lock_or_attach()) is None:
            try:
                self._ensure_roles()  # The supervisor in charge may not have come so far yet.
                return self
            except RolesUnavailable:
                if self._is_served():
                    raise
        try:
            state = prepare(self.var, self.addresses.socket_dir)
            self._stop_orphans(state)
            self._guarded = GuardedServices(
                self._services(state),
                log=state.log_file("guard"),
                record=state.record_file,
                lock=lock,
                detached=detached,
            )
        finally:
            os.close(lock)  # From now on the guard alone holds it.
        try:
            self._wait_until_ready(state, self._guarded)
            self._ensure_roles()
        except BaseException:
            self.stop()
            raise
        if detached:
            self._guarded.let_go()
            self._guarded = None
        return self

    def take_over(self) -> bool:
        """Start services that another process had started and left; tell whether they were left."""
        if self.is_owner or not self.wanted:
            return False
        return self.start().is_owner

    def stop(self) -> None:
        """Stop the services and return when they are gone, if this object started them."""
        if self._guarded is not None:
            self._guarded.stop()
            self._guarded = None

    def have_ended(self) -> bool:
        """Tell whether the services that this object started are gone without `stop`."""
        return self._guarded is not None and self._guarded.have_ended()

    def status(self) -> list[ServiceStatus]:
        """Return what is known of each wanted service, whoever started it."""
        state = locate(self.var)
        pids = read_record(self.var).get("services", {})
        make = {"postgres": postgres_status, "valkey": valkey_status}
        return [make[name](state, self.addresses, pids.get(name)) for name in self.wanted]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ensure_roles(self) -> None:
        if "postgres" in self.wanted:
            ensure_roles(self.addresses.database_url("postgres", "postgres"))

    def _lock_or_attach(self) -> int | None:
        """Return the locked descriptor, or None when somebody else serves what is wanted."""
        state = locate(self.var)
        try:
            lock = os.open(state.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise ServiceError(f"{self.var} belongs to another user.") from error
        deadline = time.monotonic() + START_TIMEOUT_S
        is_served = False
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                # Twice in a row: a guard whose owner was just killed needs a moment to notice.
                is_served, was_served = self._is_served(), is_served
                if is_served and was_served:
                    os.close(lock)
                    return None
            time.sleep(SETTLE_S)
        os.close(lock)
        raise ServiceError(f"Another supervisor holds {state.lock_file} and does not get ready.")

    def _is_served(self) -> bool:
        """Tell whether another supervisor has all that is wanted ready."""
        found = read_record(self.var)
        if found.get("state") != "running":
            return False
        missing = set(self.wanted) - set(found["services"])
        if missing:
            raise ServiceError(
                f"The services of {self.var} already run, without {', '.join(sorted(missing))}. "
                "Stop them first: `manage.py services down`."
            )
        return all(PROBES[name](self.addresses) for name in self.wanted)

    def _stop_orphans(self, state: State) -> None:
        """Stop what the last guard's record names, if it still runs: the guard was killed."""
        for pid in read_record(self.var).get("services", {}).values():
            needle = str(self.addresses.socket_dir)
            gentle_to_hard = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
            processes.stop(pid, needle, signals=gentle_to_hard, patience_s=10)
        state.record_file.unlink(missing_ok=True)

    def _services(self, state: State) -> list[Service]:
        services = []
        if "postgres" in self.wanted:
            services.append(postgres.service(state, self.addresses, durable=self.durable))
        if "valkey" in self.wanted:
            services.append(
                valkey.service(state, self.addresses, memory_mb=self.cache_mb, durable=self.durable)
            )
        return services

    def _wait_until_ready(self, state: State, guarded: GuardedServices) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        pids: dict[str, set[int]] = {name: set() for name in self.wanted}
        for name in self.wanted:
            while not PROBES[name](self.addresses):
                pids[name].add(read_record(self.var).get("services", {}).get(name, 0))
                given_up = len(pids[name] - {0}) >= STARTS_BEFORE_GIVING_UP
                if given_up or time.monotonic() > deadline:
                    raise ServiceError(f"{name} does not start:\n{_tail(state.log_file(name))}")
                if guarded.have_ended():
                    raise ServiceError(f"The guard ended:\n{_tail(state.log_file('guard'))}")
                time.sleep(POLL_S)


PROBES: dict[str, Callable[[Addresses], bool]] = {
    "postgres": postgres.answers,
    "valkey": valkey.answers,
}


def _tail(file: Path, lines: int = 15) -> str:
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
