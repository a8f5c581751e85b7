"""`manage.py migrate` beside servers and a worker: time limits, retries, concurrent indexes."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from morpheus.db.roles import connected_as
from morpheus.management.commands import migrate
from tests.conftest import administrator_url
from tests.serving import wait_until

MIGRATION = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("perf", "0002_metrics_samples")]
    operations = [{operation}]
"""
INDEX = 'AddIndexConcurrently("slowquery", models.Index(fields=["planned_at"], name="scratch_idx"))'
COLUMN = 'migrations.RunSQL(["ALTER TABLE perf_slowquery ADD COLUMN scratch text"])'
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('scratch_idx')"
# Sessions of this database that wait for a lock.
WAITING = """
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""

AddMigration = Callable[..., None]


@pytest.fixture
def add_migration(
    scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> AddMigration:
    """Return a function that adds a migration to those of `perf`, which are applied."""
    call_command("migrate", verbosity=0)

    def add(operation: str, *, atomic: bool) -> None:
        # A name of the test's own, because Python keeps imported modules.
        package = tmp_path / f"migrations_of_{tmp_path.name}"
        shutil.copytree(Path(settings.BASE_DIR, "perf", "migrations"), package)
        text = MIGRATION.format(operation=operation, atomic=atomic)
        (package / "0003_scratch.py").write_text(text)
        settings.MIGRATION_MODULES = {"perf": package.name}

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(migrate, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_MS", 200)
    return add


@contextmanager
def session(statement: str = "", *, autocommit: bool = False) -> Iterator[psycopg.Connection]:
    """Connect as an administrator, and leave the transaction of a statement open."""
    name = connection.settings_dict["NAME"]
    url = administrator_url()
    with psycopg.connect(url, dbname=name, autocommit=autocommit) as other:
        other.execute(statement)
        yield other


def run_migrate() -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("migrate", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def read(query: str) -> Any:
    with connected_as("owner"), connection.cursor() as cursor:
        return cursor.execute(query).fetchall()


def test_a_migration_lets_others_pass_and_tries_again_until_it_has_the_lock(
    add_migration: AddMigration, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_migration(COLUMN, atomic=True)
    with session("SELECT FROM perf_slowquery") as reader:
        # Only the command's: other threads of this process sleep as well.
        monkeypatch.setattr(migrate, "time", SimpleNamespace(sleep=lambda _: reader.rollback()))
        _, messages = run_migrate()
        pid = reader.info.backend_pid

    assert f"perf.0003_scratch waits for a lock. Sessions with locks: {pid} (postgres" in messages
    assert "holds AccessShareLock on perf_slowquery" in messages
    assert messages.count("Trying again") == 1
    assert read("SELECT scratch FROM perf_slowquery") == []


def test_without_the_lock_it_gives_up_and_applies_nothing(add_migration: AddMigration) -> None:
    add_migration(COLUMN, atomic=True)

    with session("SELECT FROM perf_slowquery"), pytest.raises(CommandError) as refusal:
        run_migrate()

    assert "Nothing of the migration was applied" in str(refusal.value)
    assert "pg_terminate_backend" in str(refusal.value)
    run_migrate()
    assert read("SELECT scratch FROM perf_slowquery") == []


def test_a_statement_in_a_transaction_has_a_time_limit(
    add_migration: AddMigration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "STATEMENT_TIMEOUT_MS", 100)
    add_migration('migrations.RunSQL(["SELECT pg_sleep(60)"])', atomic=True)

    with pytest.raises(CommandError, match="statement timeout.*was rolled back"):
        run_migrate()


def test_an_index_is_built_while_servers_and_a_worker_write(add_migration: AddMigration) -> None:
    """It waits for transactions that are open, longer than any limit, and blocks no writer."""
    add_migration(INDEX, atomic=False)
    building = threading.Thread(target=run_migrate)
    with session("DELETE FROM perf_slowquery"):
        building.start()
        with session(autocommit=True) as observer:
            wait_until(lambda: observer.execute(f"SELECT pid {WAITING}").fetchone() is not None)
            time.sleep(3 * migrate.LOCK_TIMEOUT_MS / 1000)
            observer.execute("SET lock_timeout = 100")
            observer.execute("DELETE FROM perf_slowquery")
            assert building.is_alive()
    building.join()

    assert read(VALID) == [(True,)]


def test_an_index_that_was_built_in_part_is_built_again(add_migration: AddMigration) -> None:
    add_migration(INDEX, atomic=False)
    building = threading.Thread(target=_expect_failure)
    with session("DELETE FROM perf_slowquery"):
        building.start()
        with session(autocommit=True) as observer:
            wait_until(lambda: observer.execute(f"SELECT pid {WAITING}").fetchone() is not None)
            observer.execute(f"SELECT pg_terminate_backend(pid) {WAITING}")
            building.join()
    assert read(VALID) == [(False,)]

    messages, _ = run_migrate()

    assert "Dropped scratch_idx, which was built in part." in messages
    assert read(VALID) == [(True,)]


def _expect_failure() -> None:
    with pytest.raises(Exception, match="terminating connection"):
        run_migrate()
