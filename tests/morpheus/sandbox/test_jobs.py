"""Calls in child processes, and how they end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from morpheus.sandbox import Crashed, JobLimits, MemoryLimit, TimeLimit, run
from tests.morpheus.sandbox import functions
from tests.serving import wait_until

MB = 1024 * 1024
LIMITS = JobLimits(cpu_s=20, wall_s=30, memory_bytes=200 * MB)
# Of children that are stopped: far beyond what a test waits for.
ENDLESS = JobLimits(cpu_s=600, wall_s=600, memory_bytes=200 * MB)
# What stands for "hangs".
FAR_S = 20


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_value_comes_back_from_another_process() -> None:
    value = run(functions.echo, {"a": [1, "ü"]}, limits=LIMITS)
    pid, _, _ = run(functions.processes, limits=LIMITS)

    assert value == {"a": [1, "ü"]}
    assert pid != os.getpid()


def test_megabytes_go_in_and_out() -> None:
    data = os.urandom(MB) * 25

    assert run(functions.echo, data, limits=LIMITS) == data


def test_each_call_has_a_process_of_its_own_that_ends_with_it() -> None:
    first, second = (run(functions.processes, limits=LIMITS)[0] for _ in range(2))

    assert first != second
    wait_until(lambda: not is_alive(first) and not is_alive(second))


def test_an_exception_is_raised_with_where_it_came_from() -> None:
    with pytest.raises(ValueError) as caught:
        run(functions.refuse, "no", limits=LIMITS)

    assert caught.value.args == ("no",)
    assert "in refuse" in caught.value.__notes__[0]


def test_progress_arrives_while_the_function_runs() -> None:
    steps: list[int] = []

    assert run(functions.steps, 3, limits=LIMITS, progress=steps.append) == "done"

    assert steps == [0, 1, 2]


@pytest.mark.parametrize("function", [functions.spin, functions.regex])
def test_computing_for_too_long_is_stopped_wherever_it_happens(
    function: Callable[..., Any],
) -> None:
    limits = JobLimits(cpu_s=1, wall_s=60, memory_bytes=200 * MB)
    began = time.monotonic()

    with pytest.raises(TimeLimit):
        run(function, limits=limits)

    assert time.monotonic() - began < FAR_S


def test_sleeping_for_too_long_is_stopped() -> None:
    with pytest.raises(TimeLimit):
        run(functions.sleep, 600, limits=JobLimits(cpu_s=1, wall_s=0.3, memory_bytes=200 * MB))


def test_too_much_memory_is_refused_and_less_is_not() -> None:
    assert run(functions.fill, 150, limits=LIMITS) == 150 * MB

    with pytest.raises(MemoryLimit):
        run(functions.fill, 250, limits=LIMITS)


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (functions.segv, "SIGSEGV"),
        (functions.leave, "exit code 7"),
        (functions.unpicklable, "cannot be sent"),
        (functions.refuse_unreadably, "Unreadable: 2"),
    ],
)
def test_a_child_that_breaks_is_told_from_one_that_refuses(
    function: Callable[..., Any], how: str
) -> None:
    with pytest.raises(Crashed, match=how):
        run(function, limits=LIMITS)

    assert run(functions.echo, 1, limits=LIMITS) == 1


def test_a_child_writes_no_file_and_knows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hidden")

    with pytest.raises(OSError, match="too large"):
        run(functions.write, str(tmp_path / "file"), limits=LIMITS)

    assert "SECRET_KEY" not in run(functions.environment, limits=LIMITS)


@pytest.mark.parametrize("way", ["progress", "check"])
def test_the_caller_stops_the_child_by_raising(way: str) -> None:
    pids: list[int] = []

    def stop(*step: int) -> None:
        pids.extend(step)
        raise KeyError("enough")

    with pytest.raises(KeyError):
        calls: dict[str, Any] = {"progress": pids.append, way: stop}
        run(functions.tell_and_sleep, limits=ENDLESS, **calls)

    wait_until(lambda: not is_alive(pids[0]))


def test_a_check_is_made_beside_progress_without_end() -> None:
    def stop() -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError):
        run(functions.steps, 10**9, limits=LIMITS, progress=lambda step: None, check=stop)


def test_many_threads_run_children_at_once() -> None:
    with ThreadPoolExecutor(16) as threads:
        values = list(threads.map(lambda n: run(functions.echo, n, limits=LIMITS), range(64)))

    assert values == list(range(64))
