"""The short form of `make check-cache`: real servers, clients and a sabotage."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from perf.lab.consistency.check import Verdict
from perf.lab.consistency.clients import Load
from perf.lab.consistency.database import Size, build_scene
from perf.lab.consistency.phases import run
from perf.lab.harness.servers import MORPHEUS, Servers

pytestmark = pytest.mark.django_db(transaction=True)

# Few rows, so that each is read and written by several clients at once.
HOT = Size(novels=2, strips=1, slots=1)
CLIENTS = 4


def check(application: str, *, reads: int, **environment: str) -> Verdict:
    """Let clients read so many responses from two servers, and return the verdict."""
    scene = build_scene(HOT)
    with Servers(2, application=application, environment=environment) as servers:
        load = Load(servers.ports, CLIENTS, reads=reads // CLIENTS, writes=0.1)
        return run(scene, load)


def test_no_client_reads_a_stale_value() -> None:
    verdict = check(MORPHEUS, reads=800)

    assert verdict.violations == {}, verdict.examples
    assert verdict.failures == {}
    assert verdict.reads >= 800
    assert verdict.values > verdict.reads
    assert verdict.writes > 20


def test_invalidation_after_the_response_is_reported() -> None:
    # One run may have no read at the wrong moment.
    runs = (
        check(
            "perf.lab.consistency.sabotaged_wsgi:application",
            reads=800,
            CONSISTENCY_SABOTAGE="late-invalidation",
            CONSISTENCY_DELAY_S="0.5",
        )
        for _ in range(4)
    )
    verdict = next((each for each in runs if each.wrong_reads > 0), None)

    assert verdict is not None
    assert verdict.worst_s > 0
    assert not verdict.is_unexplained, verdict.examples


def test_novels_of_other_users_are_not_deleted(make_novels: Callable[[int], object]) -> None:
    make_novels(1)

    with pytest.raises(CommandError, match="other users"):
        build_scene(HOT)
