"""Peers that are not written in our environment give the same responses as Morpheus."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from perf.management.commands import bench_peers
from tests.peer_rows import seeded_rows as seeded_rows


@pytest.mark.parametrize("peer", ["fastify", "bolt"])
def test_a_peer_gives_the_same_responses(
    seeded_rows: None, capsys: pytest.CaptureFixture[str], peer: str
) -> None:
    call_command(bench_peers.Command(), peers=peer, only_compare=True)

    assert "ok  All contestants give the same responses." in capsys.readouterr().out
