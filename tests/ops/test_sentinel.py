"""Redis Sentinel replaces the cache server: no request fails, nothing stale, soon a cache again."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import Client, Response, environment, wait_until

from .conftest import PASSWORD
from .nginx import Instance
from .sentinel import RedisProcess, Sentinels

# From the end of the master until both instances use a cache again.
DEGRADED_S = 5


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    sentinels = Sentinels(tmp_path)
    yield sentinels
    sentinels.stop()


@pytest.fixture
def instances(services: EmbeddedServices, sentinels: Sentinels) -> Iterator[list[Instance]]:
    settings = environment(services.var, MORPHEUS_CACHE="on", REDIS_URL=sentinels.url)
    started = [Instance(settings, services.var / f"sentinel{number}.log") for number in (1, 2)]
    yield started
    for each in started:
        each.process.kill()
        each.process.wait()


class Renaming:
    """A comic is renamed by one instance and then read from all, while the block lasts.

    Attributes:
        count: Number of renamings.
        errors: Of responses that failed or were stale.
    """

    def __init__(self, email: str, instances: list[Instance]) -> None:
        self._writer = instances[0].login(email, PASSWORD)
        self._readers = [client for each in instances for client in (each, self._log_in(each))]
        self._path = self.make_comic("Before")
        self.count, self.errors = 0, list[str]()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def make_comic(self, title: str) -> str:
        made = self._writer.send("POST", "/comics/", {"title": title, "visibility": "public"})
        return f"/comics/{made.json['id']}/"

    def rename(self, path: str, title: str) -> Response:
        return self._writer.send("PATCH", path, {"title": title})

    def titles(self, path: str) -> set[str]:
        """Return what all instances show, in many of their threads."""
        with ThreadPoolExecutor(16) as threads:
            responses = list(threads.map(lambda reader: reader.get(path), self._readers * 10))
        return {response.json["title"] for response in responses}

    def _log_in(self, instance: Instance) -> Client:
        """The same user by the same token."""
        client = Client(instance.port)
        client.headers = self._writer.headers
        return client

    def __enter__(self) -> Renaming:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        for number in count():
            if self._is_over.is_set():
                return
            title = f"Title {number}"
            response = self.rename(self._path, title)
            # Twice, so that the second reading may be a hit.
            responses = [client.get(self._path) for client in self._readers * 2]
            for each in [response, *responses]:
                if each.status != 200 or each.json["title"] != title:
                    self.errors.append(f"{title}: {each.status} {each.body[:200]!r}")
            self.count = number


def have_cache(instances: list[Instance]) -> bool:
    return all(each.readiness() == "ok" for each in instances)


def replace_master(sentinels: Sentinels, instances: list[Instance], fault: signal.Signals) -> float:
    """Stop the master by a signal; return the seconds until all instances use the next one."""
    master = sentinels.master
    stopped_at = time.monotonic()
    master.process.send_signal(fault)
    wait_until(lambda: sentinels.master is not master)
    wait_until(lambda: have_cache(instances))
    return time.monotonic() - stopped_at


def wait_for_replica(sentinels: Sentinels, server: RedisProcess) -> None:
    """Wait until a server that was the master follows the present one."""
    wait_until(lambda: server.role == "slave")
    wait_until(lambda: sentinels.master.command("INFO", "replication")["connected_slaves"] == 1)


def test_no_response_fails_or_is_stale_while_sentinels_replace_the_master(
    sentinels: Sentinels, instances: list[Instance], emails: list[str]
) -> None:
    first, second = sentinels.servers
    wait_until(lambda: have_cache(instances))

    with Renaming(emails[0], instances) as renaming:
        wait_until(lambda: renaming.count > 10)
        path = renaming.make_comic("Once")
        assert renaming.titles(path) == renaming.titles(path) == {"Once"}
        stalled_s = replace_master(sentinels, instances, signal.SIGSTOP)
        # Connections from before are still open, and the server takes itself for the master.
        first.process.send_signal(signal.SIGCONT)
        assert renaming.rename(path, "Then").status == 200
        assert renaming.titles(path) == {"Then"}
        wait_for_replica(sentinels, first)
        # Its values from before were copied back to it, and it never restarted.
        killed_s = replace_master(sentinels, instances, signal.SIGKILL)
        assert renaming.titles(path) == {"Then"}
        before = renaming.count
        wait_until(lambda: renaming.count > before + 20)

    assert sentinels.master is first
    assert renaming.errors == []
    assert max(stalled_s, killed_s) < DEGRADED_S
    print(f"stalled {stalled_s:.1f} s, killed {killed_s:.1f} s, {renaming.count} renamings")
