"""Clients that only ask: every answer is whole, whoever sends it."""

from __future__ import annotations

import os

import pytest

from perf.lab.offload.client import BadAnswer, Connection
from perf.lab.offload.hammer import pace
from perf.lab.offload.servers import CONSTANT, ServerFailed, servers


@pytest.fixture(scope="module")
def port():
    with servers(os.environ, count=1, application=CONSTANT) as [port]:
        yield port


def test_constant_bytes_are_answered_as_fast_as_they_are_asked_for(port):
    found = pace(port, "/300000", {}, seconds=0.3)

    assert found.per_second > 0
    assert found.p50_ms > 0


def test_a_connection_is_opened_again_after_it_broke(port):
    connection = Connection(port)
    connection.open().shutdown(2)

    with pytest.raises((BadAnswer, OSError)):
        connection.exchange("GET", "/5", {})
    assert connection.exchange("GET", "/5", {}).body == b"xxxxx"
    connection.close()


def test_a_server_that_does_not_start_is_said():
    with pytest.raises(ServerFailed, match="does not start"):
        with servers({"DJANGO_SETTINGS_MODULE": "perf.lab.offload.nothing"}, count=1):
            raise AssertionError("It started.")
