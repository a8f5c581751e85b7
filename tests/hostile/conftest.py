"""One Morpheus for all tests here, and what its readers get while it is quiet."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from morpheus.services.clean import clean
from tests.serving import wait_until

from .site import Reads, Site

QUIET_S = 20
# Within so much of the quiet figures no attack can be told from the noise of the machine: the
# scheduler alone delays a thread by some ms, beside the client and the attacker on two cores.
NOISE_MS = 20
MEMORY_FACTOR = 1.5
RECOVERY_S = 60

_report: list[str] = []


@pytest.fixture(scope="session")
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def site(free_port: int) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="morpheus-hostile-"))
    limits = dict.fromkeys(("THROTTLE_LOGIN_PER_MINUTE", "THROTTLE_REGISTER_PER_HOUR"), "1000000")
    site = Site(folder / "var", free_port, **limits)
    try:
        site.seed()
        site.start()
        yield site
    finally:
        site.stop()
        clean(site.var)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def quiet(site: Site) -> Reads:
    """What readers get before any attack, from a warm server."""
    for _ in range(2):
        with Reads(site) as reads:
            time.sleep(QUIET_S)
    site.quiet_mb = site.rss_mb()
    _note("quiet", reads, site)
    assert reads.failures == []
    return reads


Attacked = Callable[[str], "contextmanager[Reads]"]


@pytest.fixture
def attacked(site: Site, quiet: Reads) -> Iterator[Callable[..., object]]:
    """Return a context whose block attacks; readers must not notice, and nothing may be lost."""
    quiet_mb = site.quiet_mb

    @contextmanager
    def attack(name: str, at_least_s: float = 10) -> Iterator[Reads]:
        started = time.monotonic()
        with Reads(site) as reads:
            yield reads
            time.sleep(max(0.0, at_least_s - (time.monotonic() - started)))
        _note(name, reads, site)
        assert reads.failures == []
        assert reads.p99_ms <= max(2 * quiet.p99_ms, quiet.p99_ms + NOISE_MS)
        assert max(reads.health_seconds) < 1

    yield attack
    assert site.is_running()
    wait_until(lambda: site.rss_mb() <= MEMORY_FACTOR * quiet_mb, RECOVERY_S)
    wait_until(lambda: site.server().cpu_percent(interval=1) < 20, RECOVERY_S)


def _note(name: str, reads: Reads, site: Site) -> None:
    _report.append(
        f"{name:40} {len(reads.seconds):5} reads  p50 {reads.p50_ms:6.1f} ms  "
        f"p99 {reads.p99_ms:6.1f} ms  healthz at most {max(reads.health_seconds) * 1000:6.1f} ms  "
        f"failed {len(reads.failures)}  memory {site.rss_mb():5.0f} MB"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _report:
        terminalreporter.section("reads beside each attack")
        for line in _report:
            terminalreporter.write_line(line)
