"""A drill: back up, go on, restore, also on an empty server; and refusals."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management.base import CommandError
from psycopg.conninfo import conninfo_to_dict

from morpheus.embedded.addresses import Addresses
from morpheus.embedded.clean import clean
from morpheus.embedded.roles import LOADER, OWNER
from morpheus.embedded.supervisor import EmbeddedServices
from morpheus.management import client_programs
from tests.serving import REPOSITORY, Server, environment, prepare, wait_until

from .conftest import PASSWORD, SIZES
from .debian import Debian
from .debian import debian as debian

Manage = Callable[..., "subprocess.CompletedProcess[str]"]

# The roles with their memberships, and what the database grants.
ROLES = """
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls,
       ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid ORDER BY 1)
FROM pg_roles r WHERE rolname LIKE 'morpheus%' ORDER BY rolname
"""
DATABASE = """
SELECT datdba::regrole::text, datacl::text, datallowconn FROM pg_database WHERE datname = 'morpheus'
"""


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Services of these tests alone, because they replace the database."""
    var = tmp_path_factory.mktemp("backup") / "var"
    with EmbeddedServices(var, durable=False):
        prepare(var, f"--password={PASSWORD}", *(f"--{name}={n}" for name, n in SIZES.items()))
        (var / "uploads" / "novels" / "ab").mkdir(parents=True)
        (var / "uploads" / "novels" / "ab" / "abcdef.txt").write_text("A novel.")
        # A number that another server has not reached yet.
        query(var, "INSERT INTO novels_searchchange VALUES (1, '99999999', '0')")
        yield var
    clean(var)


@pytest.fixture(scope="module")
def server(var: Path) -> Iterator[Server]:
    server = Server(environment(var, MORPHEUS_CACHE="on"), var / "server.log")
    yield server
    server.stop()


@pytest.fixture
def backup(var: Path, tmp_path: Path) -> Path:
    done = manage(var, "backup", str(tmp_path / "backups"))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1].removeprefix("The backup is complete: "))


def manage(var: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=environment(var, **more),
        capture_output=True,
        text=True,
        check=False,
    )


def query(var: Path, statement: str, database: str = "morpheus") -> list[Any]:
    url = Addresses.under(var).database_url("postgres", database)
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def assert_same(restored: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    assert set(restored[0]) ^ set(expected[0]) == set()
    assert restored == expected


def everything(var: Path) -> tuple[Any, ...]:
    """Return the database as text, with rights and sequences; the roles; the files."""
    login = conninfo_to_dict(Addresses.under(var).database_url("postgres"))
    program = client_programs.find_program("pg_dump", 18)
    options = ["-h", str(login["host"]), "-p", str(login["port"]), "-U", "postgres", "morpheus"]
    # The server changes these tables by itself; the last one has numbers of transactions.
    changing_tables = ("cache_*", "users_token", "perf_metricssample*", "novels_searchchange")
    options += [f"--exclude-table-data={name}" for name in changing_tables]
    dump = subprocess.run([str(program), *options], capture_output=True, text=True, check=True)
    changing = ("restrict ", "cache_outbox_id_seq'")
    lines = sorted(
        # PostgreSQL writes the casts of a list elsewhere when it reads the constraint again.
        re.sub(r"::[a-z ]+(\[\])?|[()]", "", line) if " CHECK (" in line else line
        for line in dump.stdout.splitlines()
        if not any(part in line for part in changing)
    )
    files = {
        path.relative_to(var): path.read_bytes()
        for alias in ("images", "uploads")
        for path in (var / alias).rglob("*")
        if path.is_file()
    }
    return lines, query(var, ROLES), query(var, DATABASE), files


def read_all_the_time(
    var: Path, server: Server, novel: int, stopping: threading.Event
) -> list[tuple[str | None, str | None]]:
    """Return the titles in the database, and then in a response; None for none.

    The last ones are read after `stopping` is set.
    """
    sights = []
    last = False
    while not last:
        last = stopping.is_set()
        try:
            statement = f"SELECT title FROM novels_novel WHERE id = {novel}"  # noqa: S608
            stored = query(var, statement)[0][0]
        except psycopg.OperationalError:
            stored = None
        response = server.get(f"/novels/{novel}/")
        sights.append((stored, response.json["title"] if response.status == 200 else None))
    return sights


def test_a_restored_database_has_everything_and_the_cache_nothing_of_the_time_between(
    var: Path, server: Server, backup: Path
) -> None:
    before = everything(var)
    kinds = ("CREATE POLICY", "CREATE TRIGGER", "CREATE FUNCTION", "GRANT ", "SELECT pg_catalog.se")
    assert all(any(line.startswith(kind) for line in before[0]) for kind in kinds)
    [(email, novel)] = query(
        var, "SELECT email, n.id FROM users_user u JOIN novels_novel n ON owner_id = u.id LIMIT 1"
    )
    title = server.get(f"/novels/{novel}/").json["title"]
    owner = server.login(email, PASSWORD)
    assert owner.send("PATCH", f"/novels/{novel}/", {"title": "Between"}).status == 200
    assert owner.send("POST", "/comics/", {"title": "Between"}).status == 201
    image = next(path for path in (var / "images").rglob("*") if path.is_file())
    image.unlink()
    for _ in range(3):
        assert server.get(f"/novels/{novel}/").json["title"] == "Between"

    refused = manage(var, "restore", str(backup))
    assert refused.returncode == 1
    assert "it has tables and" in refused.stderr
    assert "sessions use it" in refused.stderr
    stopping = threading.Event()
    with ThreadPoolExecutor(1) as reader:
        sights = reader.submit(read_all_the_time, var, server, novel, stopping)
        restored = manage(var, "restore", str(backup), "--replace")
        stopping.set()
    assert restored.returncode == 0, restored.stderr
    # Once the database had the title of the backup, no response had another one.
    in_database = [stored for stored, _ in sights.result()]
    assert in_database[0] == "Between" and None in in_database and in_database[-1] == title
    assert {shown for stored, shown in sights.result() if stored == title} <= {title, None}

    wait_until(lambda: server.get(f"/novels/{novel}/").status == 200)
    assert server.get(f"/novels/{novel}/").json["title"] == title
    assert server.get("/comics/?owner=me").status == 401
    assert_same(everything(var), before)
    kept = restored.stdout.splitlines()[-2].split('"')[1]
    titles = query(var, f"SELECT title FROM novels_novel WHERE id = {novel}", kept)  # noqa: S608
    assert titles == [("Between",)]


def test_a_backup_is_restored_on_a_server_that_has_nothing(
    var: Path, backup: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    try:
        with EmbeddedServices(other, durable=False):
            restored = manage(other, "restore", str(backup))

            assert restored.returncode == 0, restored.stderr
            assert_same(everything(other), everything(var))
            assert query(other, "SELECT count(*) FROM novels_searchchange") == [(0,)]
            checked = manage(other, "check", "--database", "default")
            assert checked.returncode == 0, checked.stderr
            migrated = manage(other, "migrate", "--check")
            assert migrated.returncode == 0, migrated.stderr
    finally:
        clean(other)


def test_a_backup_of_debians_postgresql_is_restored_to_the_newest(
    debian: Debian, tmp_path: Path
) -> None:
    """With passwords, and from the oldest version to the newest."""
    debian.psql("ALTER ROLE postgres PASSWORD 'o/@ne'")
    server = f"127.0.0.1:{debian.psql('SHOW port')}"
    logins = {
        f"DATABASE_{name}URL": f"postgresql://{role}:o%2F%40ne@{server}/morpheus"
        for name, role in {"": "morpheus_app", "OWNER_": OWNER, "LOADER_": LOADER}.items()
    }
    logins["DATABASE_ADMIN_URL"] = f"postgresql://postgres:o%2F%40ne@{server}/postgres"
    sizes = ("--novels=20", "--users=2", "--comics=5", "--quiet")
    commands = (["services", "roles"], ["migrate"], ["seed", *sizes], ["backup", str(tmp_path)])
    for command in commands:
        done = manage(tmp_path / "var", *command, **logins)
        assert done.returncode == 0, done.stderr
    backup = max(tmp_path.glob("*Z"))

    newest = tmp_path / "newest"
    try:
        with EmbeddedServices(newest, durable=False):
            for var, more in ((newest, {}), (tmp_path / "var", logins)):
                restored = manage(var, "restore", str(backup), "--replace", **more)
                assert restored.returncode == 0, restored.stderr
            assert query(newest, "SELECT count(*) FROM novels_novel") == [(20,)]
    finally:
        clean(newest)
    counted = debian.shell("psql -d morpheus -Atc 'SELECT count(*) FROM novels_novel'")
    assert counted == "20"


def test_a_broken_backup_changes_nothing(var: Path, backup: Path) -> None:
    next((backup / "database").glob("*.dat.gz")).unlink()
    before = everything(var)

    restored = manage(var, "restore", str(backup), "--replace")

    assert restored.returncode == 1
    assert "pg_restore failed" in restored.stderr
    assert_same(everything(var), before)


def test_a_second_backup_shares_the_files_of_the_first(var: Path, backup: Path) -> None:
    done = manage(var, "backup", str(backup.parent))

    assert done.returncode == 0, done.stderr
    newest = max(backup.parent.iterdir())
    assert newest != backup
    images = [path for path in newest.rglob("images/*/*") if path.is_file()]
    assert images
    assert all(path.stat().st_nlink == 2 for path in images)
    assert newest.stat().st_mode & 0o077 == 0


def test_a_backup_that_fails_leaves_nothing(var: Path, tmp_path: Path) -> None:
    nowhere = f"postgresql://morpheus_loader@/morpheus?host={tmp_path}"

    done = manage(var, "backup", str(tmp_path), DATABASE_LOADER_URL=nowhere)

    assert done.returncode == 1
    assert "not reachable" in done.stderr
    assert list(tmp_path.iterdir()) == []
    refused = manage(var, "restore", str(tmp_path))
    assert "is not a complete backup" in refused.stderr


def test_a_client_program_of_another_version_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.9 (Debian 14.9-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(CommandError, match=r"PostgreSQL 99.*pg_dump has version 14.9.*client-99"):
        client_programs.find_program("pg_dump", 99)
    assert client_programs.find_program("pg_dump", 14) == program
    assert shutil.which("pg_dump") == str(program)
