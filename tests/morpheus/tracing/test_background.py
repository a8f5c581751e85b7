"""A background queue loses nothing that it has taken, holds back no caller, and has a limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from morpheus.tracing import background
from morpheus.tracing.background import BackgroundQueue
from tests.serving import wait_until

# Longer than a test: only `wake` and `flush` start a batch.
NEVER_S = 600.0


@pytest.fixture
def make_queue(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BackgroundQueue[Any]]:
    """Make a queue that this process does not know, so that a fork does not copy it."""
    monkeypatch.setattr(background, "_running", [])
    monkeypatch.setattr(background, "Finalize", lambda *_, **__: None)

    def make(handle: Callable[[list[Any]], Any], **options: Any) -> BackgroundQueue[Any]:
        defaults = {"max_waiting": 100, "interval_s": NEVER_S}
        return BackgroundQueue("test", handle, lambda: None, **defaults | options)

    return make


def test_before_its_start_a_queue_handles_an_item_at_once(make_queue: Any) -> None:
    threads: list[Any] = []
    queue = make_queue(lambda batch: threads.append((batch, threading.current_thread())))

    queue.add("a")
    queue.add("b")

    here = threading.current_thread()
    assert threads == [(["a"], here), (["b"], here)]
    assert queue.flush(0)


def test_a_flush_waits_for_all_items_in_their_order(make_queue: Any) -> None:
    batches: list[list[int]] = []
    queue = make_queue(batches.append)
    queue.start()

    for number in range(5):
        queue.add(number)
    assert batches == []

    assert queue.flush(10)
    assert batches == [[0, 1, 2, 3, 4]]


def test_a_batch_comes_after_the_interval(make_queue: Any) -> None:
    batches: list[list[int]] = []
    queue = make_queue(batches.append, interval_s=0.01)
    queue.start()

    queue.add(1)

    wait_until(lambda: batches == [[1]])


def test_no_item_of_many_threads_is_lost_or_doubled(make_queue: Any) -> None:
    seen: list[int] = []
    queue = make_queue(seen.extend, interval_s=0.001, max_waiting=100_000)
    queue.start()

    def add(first: int) -> None:
        for number in range(first, first + 1000):
            queue.add(number)

    with ThreadPoolExecutor(8) as threads:
        [*threads.map(add, range(0, 8000, 1000))]

    assert queue.flush(10)
    assert sorted(seen) == [*range(8000)]


def test_a_full_queue_drops_and_counts_and_no_caller_waits(make_queue: Any) -> None:
    dropped: list[int] = []
    go_on, has_begun = threading.Event(), threading.Event()
    seen: list[int] = []

    def handle(batch: list[int]) -> None:
        has_begun.set()
        go_on.wait()
        seen.extend(batch)

    queue = make_queue(handle, max_waiting=3)
    queue.count_dropped = lambda: dropped.append(1)
    queue.start()
    queue.add(0)
    queue.wake()
    assert has_begun.wait(10)

    for number in range(1, 10):
        queue.add(number)
    assert not queue.flush(0.01)
    go_on.set()

    assert queue.flush(10)
    assert seen == [0, 1, 2, 3]
    assert len(dropped) == 6


def test_an_error_is_logged_and_the_queue_goes_on(
    make_queue: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    def handle(batch: list[int]) -> None:
        if batch == [1]:
            raise RuntimeError("a fault of the handler")
        seen.extend(batch)

    queue = make_queue(handle)
    queue.start()
    for number in (1, 2):
        queue.add(number)
        assert queue.flush(10)

    assert seen == [2]
    assert "1 items of the queue 'test' failed." in caplog.text


def test_after_its_stop_a_queue_handles_an_item_at_once(make_queue: Any) -> None:
    batches: list[list[int]] = []
    queue = make_queue(batches.append)
    queue.start()
    queue.add(1)

    queue.stop()
    queue.add(2)

    assert batches == [[1], [2]]


def test_a_forked_process_has_its_own_thread_and_none_of_the_items() -> None:
    """In a process of its own, which has no other threads."""
    code = """
import os
from morpheus.tracing.background import BackgroundQueue
def handle(batch): os.write(1, f"{os.getpid() == parent} {batch}\\n".encode())
parent = os.getpid()
queue = BackgroundQueue("test", handle, print, max_waiting=9, interval_s=600)
queue.start()
queue.add("of the parent")
if pid := os.fork():
    os.waitpid(pid, 0)
    assert queue.flush(10)
else:
    queue.add("of the child")
    assert queue.flush(10)
    os._exit(0)
"""
    assert run(code) == ["False ['of the child']", "True ['of the parent']"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_that_ends_handles_what_waits(method: str, tmp_path: Any) -> None:
    """In a child of multiprocessing too, which granian's server processes are."""
    module = tmp_path / "ending.py"
    module.write_text(
        """
import multiprocessing, os, sys
from morpheus.tracing.background import BackgroundQueue
def serve(name):
    second = BackgroundQueue(
        "second", lambda batch: os.write(1, f"{name} {batch}\\n".encode()), print,
        max_waiting=9, interval_s=None)
    first = BackgroundQueue(
        "first", lambda batch: [second.add(each) for each in batch], print,
        max_waiting=9, interval_s=600)
    # In this order the second one ends before the first one fills it.
    second.start()
    first.start()
    first.add(name)
if __name__ == "__main__":
    child = multiprocessing.get_context(sys.argv[1]).Process(target=serve, args=["child"])
    child.start()
    child.join()
    serve("parent")
"""
    )
    assert run(str(module), method) == ["child ['child']", "parent ['parent']"]


def run(program: str, *arguments: str) -> list[str]:
    """Run a module or code in a process of its own; return its lines."""
    start = [program] if program.endswith(".py") else ["-c", program]
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
