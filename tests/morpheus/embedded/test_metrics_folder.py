"""The folder in which the processes of a run share their metrics."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from morpheus.embedded import metrics_folder
from morpheus.embedded.metrics_folder import NEEDED_BYTES, make_metrics_folder


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that stands for /dev/shm."""
    monkeypatch.setattr(metrics_folder, "SHARED_MEMORY", tmp_path)
    return tmp_path


def test_a_folder_is_private_and_in_memory(memory: Path) -> None:
    folder = make_metrics_folder()

    assert folder.parent == memory
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_room_in_memory_the_temporary_folder_serves(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(memory)
    blocks = NEEDED_BYTES // real.f_frsize - 1
    full = os.statvfs_result([*real[:4], blocks, *real[5:]])
    monkeypatch.setattr(os, "statvfs", lambda path: full)

    folder = make_metrics_folder()

    assert folder.parent != memory
    folder.rmdir()
