"""One process of the load: its visitors, each a thread, and the worker's process beside them.

It takes a plan and its number from stdin and answers on stdout, each message a pickle: that it is
ready, how many more were answered, and its outcome.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from .load import READY, THREADS, LoadFailed, Plan
from .visit import Request
from .visitor import Outcome, Visitor, WorkerProcess

# Requests of a thread between two messages of how many were answered.
COUNT_EVERY = 20


def main() -> None:
    """Run the visitors of one process."""
    # Whatever prints goes to stderr: stdout is for messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    plan, number = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    speaking = threading.Lock()

    def say(message: object) -> None:
        with speaking:
            pickle.dump(message, out)
            out.flush()

    with _worker(plan) as worker:
        visitors = {
            index: Visitor(plan.ports[index % len(plan.ports)], plan.tokens, worker)
            for index in range(number * THREADS, (number + 1) * THREADS)
        }
        threads = [
            threading.Thread(target=visitor.run, args=[_counted(plan.of_visitor(index), say)])
            for index, visitor in visitors.items()
        ]
        say(READY)
        pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    whole = Outcome()
    for visitor in visitors.values():
        whole.add(visitor.outcome)
    say(whole)


def _counted(requests: Iterator[Request], say: Callable[[object], None]) -> Iterator[Request]:
    """Yield the requests and say now and then how many were answered."""
    while some := list(islice(requests, COUNT_EVERY)):
        yield from some
        say(len(some))


@contextmanager
def _worker(plan: Plan) -> Iterator[WorkerProcess]:
    with subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "perf.lab.offload.steps"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(plan.environment),
        cwd=plan.folder,
    ) as process:
        worker = WorkerProcess(process)
        try:
            if (said := worker.order("ping")) != "ok":
                raise LoadFailed(f"The worker's process does not start: {said}")
            yield worker
        finally:
            process.kill()


if __name__ == "__main__":
    main()
