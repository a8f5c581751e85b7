"""A cache server of one test, which the test may break."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as Disconnected

from morpheus.embedded.paths import find_paths
from morpheus.embedded.processes import die_with_parent

PATIENCE_S = 20


def wait_until(is_so: Callable[[], Any], what: str) -> None:
    """Ask again and again; fail if it does not become so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"In vain waited for: {what}"
        time.sleep(0.01)


class OwnServer:
    """Valkey on a Unix socket in a folder of its own; it ends with this process at the latest."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "valkey.sock"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, with the last snapshot if there is one; return when it responds."""
        self._process = subprocess.Popen(
            [
                str(find_paths(self._folder).valkey_server),
                *("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder)),
                *("--save", "", "--logfile", str(self._folder / "log")),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
            preexec_fn=partial(die_with_parent, None, signal.SIGKILL),
        )
        wait_until(self._responds, "the server's start")

    def command(self, *words: Any) -> Any:
        """Run a command over a connection of its own."""
        with Redis(unix_socket_path=str(self.socket), socket_timeout=PATIENCE_S) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        """Kill it: its memory is lost."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stall(self) -> None:
        """Let it accept connections and commands without a response."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _responds(self) -> bool:
        try:
            return bool(self.command("PING"))
        except (Disconnected, OSError):
            return False
        except Exception as error:
            assert "LOADING" in str(error), error
            return False


def short_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder whose path leaves room for a socket's name; pytest's own are too long."""
    return tempfile.TemporaryDirectory(prefix="morpheus-", dir="/tmp")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
