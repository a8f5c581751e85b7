"""The private parts of packages beside Django have the shape that their uses expect."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cachalot.cache import cachalot_caches
from django.db import ProgrammingError, connection, transaction
from granian.server.mp import MPServer
from prometheus_client import REGISTRY, CollectorRegistry, Histogram

from morpheus.django_internals import cachalot, prometheus_client
from morpheus.django_internals.granian import ListeningServer
from morpheus.django_internals.psycopg import TimedConnection
from novels.models import Genre


def test_psycopg_waits_with_a_timeout() -> None:
    parameters = list(inspect.signature(psycopg.Connection.wait).parameters)

    assert parameters == ["self", "gen", "interval", "timeout"]
    assert list(inspect.signature(TimedConnection.wait).parameters) == parameters


@pytest.mark.django_db(transaction=True)
def test_cachalot_knows_transactions_of_this_thread() -> None:
    assert not cachalot.is_in_transaction("default")
    with transaction.atomic():
        assert cachalot.is_in_transaction("default")
    assert not cachalot.is_in_transaction("default")


@pytest.mark.django_db(transaction=True)
def test_cachalot_forgets_transactions_that_never_began() -> None:
    cachalot_caches.enter_atomic("default")

    assert not cachalot.is_in_transaction("default")
    assert not cachalot_caches.atomic_caches["default"]


def test_cachalot_s_key_comes_with_the_sql_that_it_is_made_of() -> None:
    genres = Genre.objects.filter(slug="weird")
    key, sql = cachalot.compile_query_key(genres.query.get_compiler("default"))
    other, _ = cachalot.compile_query_key(Genre.objects.all().query.get_compiler("default"))

    assert 'from "novels_genre"' in sql
    assert key != other


GAUGE_AND_COUNTER = """
import os
from prometheus_client import Counter, Gauge
Gauge("morpheus_test_gauge", "A gauge.", multiprocess_mode="livesum").set(1)
Counter("morpheus_test_counter", "A counter.").inc()
print(os.getpid())
"""


def test_prometheus_forgets_live_gauges_of_a_process_that_ended(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", GAUGE_AND_COUNTER],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    pid = result.stdout.strip()
    mine = tmp_path / f"gauge_livesum_{os.getpid()}.db"
    mine.touch()
    assert {path.name for path in tmp_path.glob("*.db")} == {
        *(f"gauge_livesum_{pid}.db", f"counter_{pid}.db", mine.name)
    }

    prometheus_client.forget_dead_processes(tmp_path)

    assert {path.name for path in tmp_path.glob("*.db")} == {f"counter_{pid}.db", mine.name}


def test_prometheus_observes_many_values_as_it_observes_each() -> None:
    registry = CollectorRegistry()
    one_by_one = Histogram("one", "One by one.", registry=registry, buckets=(1, 2, 3))
    at_once = Histogram("many", "At once.", registry=registry, buckets=(1, 2, 3))
    values = [0.5, 1, 1.5, 3, 2, 4, 2.5, 1, 0]
    for value in values:
        one_by_one.observe(value)

    for some in (values[:5], values[5:], []):
        prometheus_client.observe_many(at_once, some)

    expected, samples = (
        {sample.name.partition("_")[2] + str(sample.labels): sample.value for sample in samples}
        for (metric,) in (one_by_one.collect(), at_once.collect())
        for samples in [[each for each in metric.samples if "created" not in each.name]]
    )
    assert samples == expected
    assert samples["count{}"] == len(values)


def test_granian_s_server_has_the_attributes_of_a_socket_that_it_opened() -> None:
    names = {"_ssp", "_sso", "_sfd", "_shd"}
    source = "".join(map(inspect.getsource, [MPServer, *MPServer.__mro__[1:2]]))

    assert names <= {name for name in names if f"self.{name}" in source}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server: Any = ListeningServer(
            listener, "morpheus.wsgi:application", before_stop=lambda list_pids: None
        )
        server._init_shared_socket()
        assert server._sfd == listener.fileno()
        assert server._sso is listener


@pytest.mark.django_db(transaction=True)
def test_django_prometheus_counts_each_statement_once_and_errors_by_their_type() -> None:
    def read(name: str, **labels: str) -> float:
        labels |= {"alias": "default", "vendor": "postgresql"}
        return REGISTRY.get_sample_value(name, labels) or 0.0

    def figures() -> list[float]:
        return [
            read("django_db_execute_total"),
            read("django_db_execute_many_total"),
            read("django_db_query_duration_seconds_count"),
            read("django_db_errors_total", type="UndefinedTable"),
        ]

    before = figures()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.executemany("SELECT %s", [(1,), (2,)])
        with pytest.raises(ProgrammingError):
            cursor.execute("SELECT * FROM missing")
    connection.read_rows("SELECT 1", [])  # type: ignore[attr-defined]

    assert [b - a for a, b in zip(before, figures(), strict=True)] == [5, 2, 4, 1]
