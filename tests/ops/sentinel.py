"""Debian's Redis: a master, a replica, and three sentinels that replace the master."""

from __future__ import annotations

import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from morpheus.embedded.processes import die_with_parent
from tests.serving import wait_until

from .nginx import free_port

SERVICE = "morpheus"
# docs/services.md recommends these.
SENTINEL = """
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {service} 127.0.0.1 {master} 2
sentinel down-after-milliseconds {service} 1000
sentinel failover-timeout {service} 5000
"""


class RedisProcess:
    """A Redis or a sentinel on the loopback address; it ends with this process at the latest."""

    def __init__(self, port: int, log: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("There is no Redis: apt-get install redis-server.", pytrace=False)
        self.port = port
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [program, *options],
                stdout=output,
                preexec_fn=partial(die_with_parent, None, signal.SIGKILL),
            )
        wait_until(lambda: self.command("PING") is True)

    def command(self, *words: Any) -> Any:
        """Return the reply, None without one."""
        try:
            with Redis("127.0.0.1", self.port, socket_timeout=5, protocol=2) as client:
                return client.execute_command(*words)
        except RedisError:
            return None

    @property
    def role(self) -> str:
        replication = self.command("INFO", "replication")
        return replication["role"] if replication else ""

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Sentinels:
    """The whole group."""

    def __init__(self, folder: Path) -> None:
        ports: list[int] = []
        while len(ports) < 5:
            ports += {free_port()} - set(ports)
        self.servers: list[RedisProcess] = []
        self.sentinels: list[RedisProcess] = []
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports[2:])
        self.url = f"redis+sentinel://{hosts}/{SERVICE}"
        for port in ports[:2]:
            options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
            options += ["--save", "", "--repl-diskless-sync-delay", "0"]
            if self.servers:
                options += ["--replicaof", f"127.0.0.1 {ports[0]}"]
            self.servers.append(RedisProcess(port, folder / f"{port}.log", *options))
        for port in ports[2:]:
            file = folder / f"{port}.conf"
            file.write_text(
                SENTINEL.format(port=port, folder=folder, service=SERVICE, master=ports[0])
            )
            log = folder / f"{port}.log"
            self.sentinels.append(RedisProcess(port, log, str(file), "--sentinel"))
        wait_until(self._is_complete)

    @property
    def master(self) -> RedisProcess:
        """The server that the first sentinel names."""
        reply = self.sentinels[0].command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        [master] = [server for server in self.servers if server.port == int(reply[1])]
        return master

    def stop(self) -> None:
        for each in [*self.sentinels, *self.servers]:
            each.kill()

    def _is_complete(self) -> bool:
        states = [each.command("SENTINEL MASTERS") for each in self.sentinels]
        return all(
            state
            and state[SERVICE]["num-other-sentinels"] == 2
            and state[SERVICE]["num-slaves"] == 1
            for state in states
        )
