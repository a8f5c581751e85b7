"""The process that forks children: it is replaced, and ends with the process that it serves."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from morpheus.sandbox import JobLimits, Unavailable, run
from tests.morpheus.sandbox import functions
from tests.serving import REPOSITORY, wait_until

LIMITS = JobLimits(cpu_s=20, wall_s=30, memory_bytes=200 * 1024 * 1024)

# A process that pins itself, and then waits for a child.
CALLER = """
import sys
from morpheus.serving.process_tuning import pin
from morpheus.sandbox import JobLimits, run
from tests.morpheus.sandbox import functions

pin(sys.argv[1])
limits = JobLimits(cpu_s=20, wall_s=60, memory_bytes=2**28)
print(*run(functions.processes, limits=limits)[2], flush=True)
run(functions.tell_and_sleep, limits=limits, progress=lambda pid: print(pid, flush=True))
"""


@pytest.fixture
def caller() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CALLER, secrets.token_hex(8)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_after_the_forking_process_was_killed_the_next_call_works() -> None:
    _, before, _ = run(functions.processes, limits=LIMITS)

    os.kill(before, signal.SIGKILL)

    _, after, _ = run(functions.processes, limits=LIMITS)
    assert after != before


def test_a_call_whose_forking_process_is_killed_ends() -> None:
    def kill(pid: int) -> None:
        os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)

    with pytest.raises(Unavailable):
        run(functions.tell_and_sleep, limits=LIMITS, progress=kill)


def test_children_end_when_their_caller_is_killed(caller: Any) -> None:
    caller.stdout.readline()
    child = psutil.Process(int(caller.stdout.readline()))
    forker = child.parent()

    caller.kill()

    wait_until(lambda: not child.is_running() and not forker.is_running())


def test_children_use_the_cores_that_their_caller_had_before_it_was_pinned(caller: Any) -> None:
    cores = sorted(map(int, caller.stdout.readline().split()))

    assert cores == sorted(os.sched_getaffinity(0))


def test_a_daemonic_process_has_children_too() -> None:
    """As the workers of other servers are: multiprocessing refuses them."""
    command = (
        "import multiprocessing as m; from tests.morpheus.sandbox.functions import echo;"
        "from morpheus.sandbox import run, JobLimits as L;"
        "p = m.get_context('fork').Process(target=lambda: exit(run(echo, 7,"
        " limits=L(9, 9, 2**28))), daemon=True); p.start(); p.join(); exit(p.exitcode)"
    )

    ended = subprocess.run([sys.executable, "-c", command], cwd=REPOSITORY, check=False)

    assert ended.returncode == 7
