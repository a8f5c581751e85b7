"""The folder in which the processes of a run share their metrics."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from morpheus.embedded import metrics_folder
from morpheus.embedded.metrics_folder import NEEDED_BYTES, PREFIX, memory_folder

from .conftest import REPOSITORY

# Makes a folder, prints its name, and ends without removing it when its input ends.
KILLED = """
import os, sys, time
from pathlib import Path
from morpheus.embedded import metrics_folder
metrics_folder.SHARED_MEMORY = Path(sys.argv[1])
with metrics_folder.metrics_folder() as (folder, lock):
    print(folder, flush=True)
    sys.stdin.read()
    os._exit(9)
"""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that stands for /dev/shm."""
    monkeypatch.setattr(metrics_folder, "SHARED_MEMORY", tmp_path)
    return tmp_path


def start_other_run(memory: Path) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", KILLED, str(memory)]
    run = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    return run, Path(run.stdout.readline().strip())


def test_a_folder_is_private_and_goes_with_its_run(memory: Path) -> None:
    with metrics_folder.metrics_folder() as (folder, _):
        (folder / "counter_1.db").touch()
        assert folder.parent == memory
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    assert list(memory.iterdir()) == []


def test_a_second_run_keeps_the_folder_of_the_first_and_sweeps_that_of_a_dead_one(
    memory: Path,
) -> None:
    dead, left_over = start_other_run(memory)
    with dead:
        dead.communicate()
    living, kept_folder = start_other_run(memory)
    with living:
        assert not left_over.exists()

        with metrics_folder.metrics_folder() as (folder, _):
            assert sorted(memory.iterdir()) == sorted([kept_folder, folder])
        living.communicate()


def test_a_folder_is_kept_while_an_heir_of_its_descriptor_lives(memory: Path) -> None:
    folder = memory / f"{PREFIX}of-a-killed-run"
    folder.mkdir(0o700)
    lock = os.open(folder, os.O_RDONLY)
    take = "import fcntl, sys; fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX)"
    subprocess.run([sys.executable, "-c", take, str(lock)], pass_fds=[lock], check=True)

    with metrics_folder.metrics_folder():
        assert folder.exists()
    os.close(lock)
    with metrics_folder.metrics_folder():
        assert not folder.exists()


def test_a_link_of_the_same_name_is_not_followed(memory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "file").mkdir(parents=True)
    (memory / f"{PREFIX}link").symlink_to(elsewhere)

    with metrics_folder.metrics_folder():
        assert (elsewhere / "file").exists()


def test_without_room_in_memory_the_temporary_folder_serves(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory_folder() == memory
    real = os.statvfs(memory)
    blocks = NEEDED_BYTES // real.f_frsize - 1
    full = os.statvfs_result([*real[:4], blocks, *real[5:]])

    monkeypatch.setattr(os, "statvfs", lambda path: full)
    assert memory_folder() != memory
