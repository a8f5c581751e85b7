"""The fork server: a process of one thread that imports modules and forks children.

    python -m morpheus.sandbox.forkserver CORES

Standard input is a socket. Each byte on it comes with two descriptors: the channel of a new child,
and its leash. The leash first receives the name of a module. The fork server then sends an empty
message on it when the child was forked, and the exit status when the child has ended. A closed
leash kills its child; the end of standard input, which comes with the end of the caller, kills all.
"""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from morpheus.embedded.processes import die_with_parent

# Requests of the server have precedence.
NICENESS = 10


class ForkServer:
    """Forks children, reports their end, and kills those whose leash is closed."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._leashes: dict[int, Connection[Any, Any]] = {}
        self._modules: set[str] = set()

    def run(self) -> None:
        """Serve until standard input ends."""
        waker = _open_child_signal()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(waker, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is waker:
                    waker.recv(4096)
                    self._reap()
                elif key.fileobj is self._control:
                    _, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
                    if len(descriptors) != 2:
                        return
                    self._start(*descriptors)
                elif key.data in self._leashes:
                    # It is not reaped yet, so the pid is still this child's.
                    os.kill(key.data, signal.SIGKILL)
                    self._selector.unregister(key.fileobj)

    def stop(self) -> None:
        """Kill the children."""
        for pid in self._leashes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _start(self, channel: int, leash_descriptor: int) -> None:
        leash = Connection(leash_descriptor)
        try:
            self._import(leash.recv_bytes().decode())
            own_pid = os.getpid()
            pid = os.fork()
        except (EOFError, OSError):
            os.close(channel)
            leash.close()
            return
        if pid == 0:
            _become_child(own_pid, channel)
        os.close(channel)
        self._leashes[pid] = leash
        self._selector.register(leash, selectors.EVENT_READ, pid)
        with suppress(OSError):
            leash.send_bytes(b"")

    def _import(self, module: str) -> None:
        if module in self._modules:
            return
        self._modules.add(module)
        try:
            import_module(module)
        except Exception:
            traceback.print_exc()  # The child fails in the same way and tells its caller.
        # Children share these modules in memory; a garbage collection would copy them.
        gc.collect()
        gc.freeze()

    def _reap(self) -> None:
        while self._leashes:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            leash = self._leashes.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(leash)
            with leash, suppress(OSError):
                leash.send_bytes(str(status).encode())


def _open_child_signal() -> socket.socket:
    """Return a socket that becomes readable when a child ends."""
    waker, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.detach())
    return waker


def _become_child(parent: int, channel: int) -> NoReturn:
    """Run one job with none of the fork server's other descriptors."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(parent, signal.SIGKILL)
        os.dup2(channel, 3)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        _run_job(Connection(3))
        os._exit(0)
    finally:
        os._exit(1)


def _run_job(channel: Connection[Any, Any]) -> None:
    """Receive limits and a call; send its progress and its outcome."""
    try:
        channel.recv().apply()
        function, arguments, reports = channel.recv()
        more = {"progress": lambda *step: channel.send(("progress", step))} if reports else {}
        outcome = ("value", function(*arguments, **more))
    except MemoryError:
        outcome = ("memory", None)
    except BaseException as error:
        outcome = _describe_failure(error)
    _send_outcome(channel, outcome)


def _describe_failure(error: BaseException) -> tuple[str, Any]:
    trace = f"In a child process:\n{traceback.format_exc()}"
    error.add_note(trace)
    try:
        # Some exceptions can be pickled but not unpickled.
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return "broken", trace
    return "error", error


def _send_outcome(channel: Connection[Any, Any], outcome: tuple[str, Any]) -> None:
    try:
        channel.send(outcome)
    except MemoryError:
        channel.send(("memory", None))
    except OSError:
        return  # The caller has ended.
    except Exception as error:
        channel.send(("broken", f"Its result cannot be sent: {error!r}"))


def main() -> None:
    os.nice(NICENESS)
    if sys.argv[1:] and sys.argv[1] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, map(int, sys.argv[1].split(",")))
    server = ForkServer(socket.socket(fileno=os.dup(0)))
    try:
        server.run()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
