"""The embedded PostgreSQL: its cluster, its configuration, and what a crash leaves behind."""

from __future__ import annotations

import locale
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from . import processes
from .addresses import Addresses
from .guard import Service
from .state import ServiceError, State, make_private_folder
from .steps import die_with_parent

# The servers get nothing of our environment: PG* variables would bend initdb and the server.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

# For two cores that also run the application, and for loading millions of rows by COPY.
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements,auto_explain",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    # COPY into a table made in the same transaction writes no WAL at this level.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    # Compiling costs more than our short queries do.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    "track_io_timing": "on",
    "track_activity_query_size": "4096",
    "auto_explain.log_min_duration": "1000ms",
    "auto_explain.log_nested_statements": "on",
}
# For tests: a crash may lose everything.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# One of these is on every system that is in use; the first on nearly all.
UTF8_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8")

# Larger than any pid can be, so that PostgreSQL finds it dead.
NO_SUCH_PID = 2**22 + 1


def service(state: State, addresses: Addresses, *, durable: bool) -> Service:
    """Return how the server is run; makes the cluster at first use and heals what a crash left."""
    heal(state, addresses)
    if not (state.postgres_data / "PG_VERSION").exists():
        _create_cluster(state, durable=durable)
    _check_version(state)
    _write_settings(state, SETTINGS | ({} if durable else FORGETFUL))
    entry = Service(
        name="postgres",
        command=[
            str(state.postgres_home / "bin" / "postgres"),
            *("-D", str(state.postgres_data)),
            *("-c", "listen_addresses="),
            *("-c", f"unix_socket_directories={addresses.socket_dir}"),
            *("-c", f"port={addresses.postgres_port}"),
        ],
        log=str(state.log_file("postgres")),
        # Fast shutdown, which ends with a checkpoint; then without one (recovery at next start).
        signals=[signal.SIGINT, signal.SIGQUIT],
        patience_s=60,
        environment=ENVIRONMENT,
    )
    if state.user:
        entry = replace(entry, uid=state.user.pw_uid, gid=state.user.pw_gid)
    return entry


def answers(addresses: Addresses) -> bool:
    """Tell whether the server takes connections."""
    try:
        url = addresses.database_url("postgres", "postgres")
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def heal(state: State, addresses: Addresses) -> None:
    """Stop a server that outlived its guard; defuse the lock files of one that is dead.

    The caller holds the lock of var, so whoever still serves its sockets is an orphan. A dead
    server's pid may belong to a stranger by now, and PostgreSQL would refuse to start.
    """
    socket_lock = addresses.postgres_socket.with_name(f"{addresses.postgres_socket.name}.lock")
    postmaster_pid = state.postgres_data / "postmaster.pid"
    for file in (postmaster_pid, socket_lock):
        pid = _first_number(file)
        if pid is not None:
            gentle_to_hard = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
            needles = ("postgres", str(addresses.socket_dir))
            processes.stop(pid, *needles, signals=gentle_to_hard, patience_s=10)
    socket_lock.unlink(missing_ok=True)
    if postmaster_pid.exists():
        # Kept but for its pid: PostgreSQL also reads from it which shared memory must be unused,
        # which protects the data from backends that survive a killed postmaster for a moment.
        lines = postmaster_pid.read_text().splitlines(keepends=True)
        postmaster_pid.write_text("".join([f"{NO_SUCH_PID}\n", *lines[1:]]))


def _first_number(file: Path) -> int | None:
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _create_cluster(state: State, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there, so that it is whole or absent."""
    for left_over in state.postgres_data.parent.glob("postgres.draft*"):
        shutil.rmtree(left_over, ignore_errors=True)
    # Of its own name: an initdb whose parent was just killed tidies up after itself.
    draft = state.postgres_data.with_name(f"postgres.draft-{os.getpid()}")
    make_private_folder(draft, state.user)
    command = [
        str(state.postgres_home / "bin" / "initdb"),
        *("--pgdata", str(draft), "--username", "postgres", "--encoding", "UTF8"),
        # The same order on every machine, whatever its libc; ICU is not in this build.
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--lc-ctype", _character_types()),
        *("--auth-local", "trust", "--auth-host", "reject"),
        *([] if durable else ["--no-sync"]),
    ]
    user: dict[str, Any] = {}
    if state.user:
        user = {"user": state.user.pw_uid, "group": state.user.pw_gid, "extra_groups": []}
    done = subprocess.run(  # noqa: S603 - our own command line
        command,
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=die_with_parent,
        **user,
    )
    if done.returncode != 0:
        raise ServiceError(f"initdb failed in {draft}:\n{done.stdout}{done.stderr}")
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude 'morpheus.conf'\n")
    draft.rename(state.postgres_data)


def _character_types() -> str:
    """Return a libc locale that knows quotation marks and dashes from letters.

    The parser of full-text search asks libc; by "C" every character beyond ASCII is a letter, and
    a word behind a curly quotation mark is not found.
    """
    known = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in UTF8_LOCALES:
            try:
                locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
            return name
    finally:
        locale.setlocale(locale.LC_CTYPE, known)
    return "C"


def _check_version(state: State) -> None:
    made_by = (state.postgres_data / "PG_VERSION").read_text().strip()
    program = [str(state.postgres_home / "bin" / "postgres"), "--version"]
    answer = subprocess.run(program, capture_output=True, text=True, check=True)  # noqa: S603
    runs = answer.stdout.split()[-1].split(".")[0]
    if made_by != runs:
        raise ServiceError(
            f"{state.postgres_data} was made by PostgreSQL {made_by}, and {runs} is installed. "
            "Dump it with the old version and restore it, or start anew after `make clean`."
        )


def _write_settings(state: State, settings: dict[str, str]) -> None:
    """Write what Morpheus wants; ALTER SYSTEM still has the last word."""
    lines = ["# Written at every start; use ALTER SYSTEM for settings of your own."]
    lines += [f"{name} = '{value}'" for name, value in settings.items()]
    (state.postgres_data / "morpheus.conf").write_text("\n".join(lines) + "\n")
    (state.postgres_data / "morpheus.conf").chmod(0o644)
