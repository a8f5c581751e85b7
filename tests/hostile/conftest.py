"""One Morpheus for all tests here, and the latency of its readers while it is quiet."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from morpheus.embedded.clean import clean
from tests.serving import wait_until

from .site import Reads, Site

QUIET_S = 15
MEMORY_FACTOR = 1.5
RECOVERY_S = 60

_report: list[str] = []
_quiet_seconds: list[float] = []


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    return unused_port()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="morpheus-hostile-"))
    limits = dict.fromkeys(
        ("MORPHEUS_THROTTLE_LOGIN_PER_MINUTE", "MORPHEUS_THROTTLE_REGISTER_PER_HOUR"), "1000000"
    )
    site = Site(folder / "var", unused_port(), **limits)
    try:
        site.seed()
        site.start()
        yield site
    finally:
        site.stop()
        clean(site.var)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def quiet_mb(site: Site) -> float:
    """Return the memory of a warm server before any attack."""
    with Reads(site):
        time.sleep(QUIET_S)  # Warms the cache.
    with Reads(site) as quiet:
        time.sleep(2 * QUIET_S)
    _quiet_seconds.extend(quiet.seconds)
    return site.rss_mb()


@pytest.fixture
def attacked(site: Site, quiet_mb: float) -> Iterator[Callable[..., object]]:
    """Return a context whose block attacks; readers must keep their latency without a failure.

    The latency is compared with that before this attack and before earlier ones, because the p99 of
    a few hundred reads alone is chance.
    """

    @contextmanager
    def attack(name: str, at_least_s: float = 20) -> Iterator[Reads]:
        with Reads(site) as quiet:
            time.sleep(QUIET_S)
        _quiet_seconds.extend(quiet.seconds)
        quiet.seconds = _quiet_seconds
        started = time.monotonic()
        with Reads(site) as reads:
            yield reads
            time.sleep(max(0.0, at_least_s - (time.monotonic() - started)))
        _note(name, quiet, reads, site)
        assert quiet.failures == reads.failures == []
        assert reads.p99_ms <= 2 * quiet.p99_ms
        assert max(reads.health_seconds) < 1

    yield attack
    assert site.is_running()
    wait_until(lambda: site.rss_mb() <= MEMORY_FACTOR * quiet_mb, RECOVERY_S)
    wait_until(lambda: site.server().cpu_percent(interval=1) < 20, RECOVERY_S)


def _note(name: str, quiet: Reads, reads: Reads, site: Site) -> None:
    _report.append(
        f"{name:32} {len(reads.seconds):4} reads  "
        f"p50 {quiet.p50_ms:4.1f} → {reads.p50_ms:4.1f} ms  "
        f"p99 {quiet.p99_ms:5.1f} → {reads.p99_ms:5.1f} ms ({reads.p99_ms / quiet.p99_ms:3.1f} ×)  "
        f"healthz ≤ {max(reads.health_seconds) * 1000:5.1f} ms  memory {site.rss_mb():3.0f} MB"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _report:
        terminalreporter.section("reads before → beside each attack")
        for line in _report:
            terminalreporter.write_line(line)
