"""The embedded PostgreSQL: its cluster, its configuration, and recovery from a crash."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial

import psycopg

from .addresses import Addresses
from .guard import Service
from .paths import ServiceError, ServicePaths, make_private_folder
from .processes import die_with_parent

# Nothing of the caller's environment: PG* variables would change initdb and the server.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

# For two cores that also run the application, and for loading millions of rows by COPY.
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements,auto_explain",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    # COPY into a table of the same transaction writes no WAL at this level.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    # Compilation takes longer than our short queries.
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
# For tests: a crash may lose all data.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# The parser of full-text search uses libc. In its "C" all characters beyond ASCII are letters, so a
# word after a curly quotation mark would not be found.
CHARACTER_TYPES = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"

# Beyond "C", its case rules are those of Unicode. PostgreSQL 17 and later have it.
BUILTIN_LOCALE = ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]

# Larger than any pid, so PostgreSQL takes its process for dead.
NO_SUCH_PID = 2**22 + 1


def build_service(paths: ServicePaths, addresses: Addresses, *, durable: bool) -> Service:
    """Return how the guard runs the server; makes the cluster at first use, heals a crashed one."""
    _clear_stale_locks(paths, addresses)
    if not (paths.postgres_data / "PG_VERSION").exists():
        _create_cluster(paths, durable=durable)
    _write_settings(paths, SETTINGS | ({} if durable else NOT_DURABLE))
    return Service(
        name="postgres",
        command=[
            str(paths.postgres_home / "bin" / "postgres"),
            *("-D", str(paths.postgres_data)),
            *("-c", "listen_addresses="),
            *("-c", f"unix_socket_directories={addresses.socket_dir}"),
            *("-c", f"port={addresses.postgres_port}"),
        ],
        uid=paths.user.pw_uid if paths.user else None,
        gid=paths.user.pw_gid if paths.user else None,
        log=paths.log_file("postgres"),
        # Fast shutdown with a checkpoint; then immediate shutdown (recovery at the next start).
        signals=[signal.SIGINT, signal.SIGQUIT],
        patience_s=60,
        environment=ENVIRONMENT,
    )


def read_version(addresses: Addresses) -> str | None:
    """Return the version of a server that accepts connections, None if there is none."""
    url = addresses.database_url("postgres", "postgres")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"
    except psycopg.OperationalError:
        return None


def _clear_stale_locks(paths: ServicePaths, addresses: Addresses) -> None:
    """Clear the lock files of a dead server: their pid may belong to another process by now.

    The caller holds the lock of var and has stopped orphans, so no server runs.
    """
    addresses.postgres_socket.with_name(f"{addresses.postgres_socket.name}.lock").unlink(
        missing_ok=True
    )
    postmaster_pid = paths.postgres_data / "postmaster.pid"
    if postmaster_pid.exists():
        # Only the pid is replaced. PostgreSQL also reads from this file which shared memory must be
        # unused, and that protects the data from backends that survive a killed postmaster.
        lines = postmaster_pid.read_text().splitlines(keepends=True)
        postmaster_pid.write_text("".join([f"{NO_SUCH_PID}\n", *lines[1:]]))


def _create_cluster(paths: ServicePaths, *, durable: bool) -> None:
    """Make the cluster in a draft folder and rename that, so that it is whole or absent."""
    for left_over in paths.postgres_data.parent.glob("postgres.draft*"):
        shutil.rmtree(left_over, ignore_errors=True)
    # Unique: an initdb whose parent was just killed may still delete its own folder.
    draft = paths.postgres_data.with_name(f"postgres.draft-{os.getpid()}")
    make_private_folder(draft, paths.user)
    command = [
        str(paths.postgres_home / "bin" / "initdb"),
        *("--pgdata", str(draft), "--username", "postgres", "--encoding", "UTF8"),
        # The same order on every machine, whatever its libc.
        *("--locale", "C", "--lc-ctype", CHARACTER_TYPES),
        *(BUILTIN_LOCALE if _read_major(paths) >= 17 else []),
        *("--auth-local", "trust", "--auth-host", "reject"),
        *([] if durable else ["--no-sync"]),
    ]
    done = subprocess.run(  # noqa: S603 - our own command line
        command,
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=paths.user.pw_uid if paths.user else None,
        group=paths.user.pw_gid if paths.user else None,
        extra_groups=[] if paths.user else None,
        preexec_fn=partial(die_with_parent, os.getpid()),
    )
    if done.returncode != 0:
        raise ServiceError(f"initdb failed in {draft}:\n{done.stdout}{done.stderr}")
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude 'morpheus.conf'\n")
    draft.rename(paths.postgres_data)


def _read_major(paths: ServicePaths) -> int:
    command = [str(paths.postgres_home / "bin" / "postgres"), "--version"]
    output = subprocess.check_output(command, text=True)  # noqa: S603 - our own command line
    return int(re.findall(r"\d+", output)[0])


def _write_settings(paths: ServicePaths, settings: dict[str, str]) -> None:
    """Write the configuration; ALTER SYSTEM still has precedence."""
    lines = ["# Written at every start; use ALTER SYSTEM for settings of your own."]
    lines += [f"{name} = '{value}'" for name, value in settings.items()]
    file = paths.postgres_data / "morpheus.conf"
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o644)
