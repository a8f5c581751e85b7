"""Each server process is pinned to a core of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# Pins itself when it has threads already, says its core and that of each thread, then waits.
PINNED = """
import json, os, sys, threading, time
from morpheus.serving.process_tuning import pin
threading.Thread(target=time.sleep, args=[60], daemon=True).start()
core = pin(sys.argv[1])
threading.Thread(target=time.sleep, args=[60], daemon=True).start()
allowed = [sorted(os.sched_getaffinity(int(task))) for task in os.listdir("/proc/self/task")]
print(json.dumps([core, allowed]), flush=True)
sys.stdin.read()
"""

CORES = sorted(os.sched_getaffinity(0))
# A process, its core, and the cores of each of its threads.
Pinned = tuple["subprocess.Popen[str]", int | None, list[list[int]]]


@pytest.fixture
def pinned() -> Iterator[Callable[[], Pinned]]:
    """Start a process that pins itself; return it, its core, and the cores of its threads."""
    started: list[subprocess.Popen[str]] = []
    name = secrets.token_hex(8)

    def start() -> Pinned:
        command = [sys.executable, "-c", PINNED, name]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        core, allowed = json.loads(process.stdout.readline())
        return process, core, allowed

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_each_process_has_a_core_of_its_own_with_all_its_threads(
    pinned: Callable[[], Pinned],
) -> None:
    taken: list[Any] = []
    for _ in CORES[:-1]:
        _, core, allowed = pinned()
        taken.append(core)
        assert allowed == [[core]] * 3

    assert sorted(taken) == CORES[:-1]


def test_the_last_core_is_left_to_others_and_a_process_without_one_may_use_all(
    pinned: Callable[[], Pinned],
) -> None:
    for _ in CORES[:-1]:
        pinned()

    assert pinned()[1:] == (None, [CORES] * 3)


def test_the_core_of_a_killed_process_is_free_again(pinned: Callable[[], Pinned]) -> None:
    first, core, _ = pinned()
    first.kill()
    first.wait()

    assert pinned()[1] == core
