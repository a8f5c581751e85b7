"""The process that forks children: one thread, and the modules that they need.

    python -m morpheus.sandbox.forkserver CORES

Standard input is a socket. Each byte on it comes with two descriptors: the channel of a new child,
and its leash. On the leash comes the name of a module; an empty message goes back when the child
was forked, and its exit status when it ended. A child whose leash is closed is killed, and all
of them are when standard input ends, as it does with the process at its other end.
"""

from __future__ import annotations

import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from morpheus.sandbox.child import serve

PR_SET_PDEATHSIG = 1
# Requests go before.
NICENESS = 10


class ForkServer:
    """Forks children and ends them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._leashes: dict[int, Connection[Any, Any]] = {}
        self._modules: set[str] = set()

    def run(self) -> None:
        """Serve until the other end is closed."""
        waker = _wake_up_when_children_end()
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
                    # Reaped below, so the number is still this child's.
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
            traceback.print_exc()  # The child fails the same way, and tells its caller.
        # Children share the modules that are loaded now; a collection would make each copy them.
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


def _wake_up_when_children_end() -> socket.socket:
    waker, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.detach())
    return waker


def _become_child(parent: int, channel: int) -> NoReturn:
    """Run one job; leashes and control stay behind."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
        os.dup2(channel, 3)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        serve(Connection(3))
        os._exit(0)
    finally:
        os._exit(1)


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
