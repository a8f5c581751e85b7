"""The short form of `make check-cache`: real server processes, clients and faults of a cache."""

from __future__ import annotations

import pytest

from perf.lab.consistency.check import Verdict
from perf.lab.consistency.clients import Load
from perf.lab.consistency.run import run
from perf.lab.consistency.scene import NotOurs, Size, build
from perf.lab.consistency.servers import Servers

pytestmark = pytest.mark.django_db(transaction=True)

# Few rows, so that each is read and written by several clients at once.
HOT = Size(novels=2, strips=1, slots=1)
CLIENTS = 4


def judged(application: str, *, reads: int, **environment: str) -> Verdict:
    """Let clients read so many answers from two servers, and return the verdict."""
    scene = build(HOT)
    with Servers(2, application=application, environment=environment) as servers:
        load = Load(servers.ports, CLIENTS, reads=reads // CLIENTS, writes=0.1)
        return run(scene, load).verdict


def test_nobody_reads_what_is_over() -> None:
    verdict = judged("morpheus.wsgi:application", reads=800)

    assert verdict.violations == {}, verdict.examples
    assert verdict.failures == {}
    assert verdict.reads >= 800
    assert verdict.values > verdict.reads
    assert verdict.writes > 20


def test_an_engine_that_invalidates_after_the_answer_is_convicted() -> None:
    verdict = judged(
        "perf.lab.consistency.sabotaged_wsgi:application",
        reads=800,
        CONSISTENCY_SABOTAGE="late-invalidation",
        CONSISTENCY_DELAY_S="0.5",
    )

    assert verdict.wrong_reads > 0
    assert verdict.worst_s > 0
    assert not verdict.is_unexplained, verdict.examples


def test_the_novels_of_people_are_not_deleted(make_novels) -> None:
    make_novels(1)

    with pytest.raises(NotOurs):
        build(HOT)
