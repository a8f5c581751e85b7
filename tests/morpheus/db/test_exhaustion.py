"""An exhausted pool: 503 within the configured time, and no thread is poisoned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

pytestmark = pytest.mark.django_db(transaction=True)

TIMEOUT_S = 2.0
Ask = Callable[[], Any]


@pytest.fixture
def pool_of_one() -> Iterator[None]:
    saved = connection.settings_dict["OPTIONS"]
    pool = saved["pool"] | {"min_size": 0, "max_size": 1, "timeout": TIMEOUT_S}
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"] = saved | {"pool": pool}
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"] = saved


@contextmanager
def emptied_pool() -> Iterator[None]:
    """Have another thread take its only connection, in a query as long as the block."""
    taken, release = Event(), Event()

    def take() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                taken.set()
                assert release.wait(30)
        finally:
            connection.close()

    connection.close()
    thread = Thread(target=take)
    thread.start()
    try:
        assert taken.wait(30)
        yield
    finally:
        release.set()
        thread.join()


def asked_by(threads: ThreadPoolExecutor, *requests: Ask) -> list[Any]:
    """Have each thread make one request and give its connection back, as a server's does."""
    together = Barrier(len(requests))

    def one(request: Ask) -> Any:
        together.wait(30)
        try:
            return request()
        finally:
            assert not connection.in_atomic_block
            connection.close()

    return list(threads.map(one, requests))


def test_a_pool_timeout_is_503_and_the_same_threads_work_afterwards(
    pool_of_one: None,
    api: Any,
    as_user: Any,
    make_user: Any,
    make_novels: Callable[..., list[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ann = make_user("ann")
    [novel] = make_novels(1, owner=ann, is_public=False)
    path = f"/api/v1/novels/{novel.pk}/"
    owner, stranger = as_user(ann), as_user(make_user("bob"))
    requests: list[Ask] = [
        lambda: api.get("/api/v1/novels/"),
        lambda: owner.get(path),
        lambda: owner.patch(path, {"title": "Renamed"}, format="json"),
        lambda: stranger.get(path),
    ]

    with ThreadPoolExecutor(len(requests)) as threads:
        with emptied_pool():
            refused = asked_by(threads, *requests)
        served = [asked_by(threads, *requests) for _ in range(5)]
        [after] = asked_by(threads, lambda: owner.get(path))

    assert [answer.status_code for answer in refused] == [503] * len(requests)
    assert all(int(answer["Retry-After"]) >= 1 for answer in refused)
    assert caplog.text.count(f"couldn't get a connection after {TIMEOUT_S:.2f} sec") == 4
    for answers in served:
        assert [answer.status_code for answer in answers] == [200, 200, 200, 404]
    assert after.json()["title"] == "Renamed"


def test_a_write_that_got_no_connection_wrote_nothing(
    pool_of_one: None, as_user: Any, make_user: Any, make_novels: Callable[..., list[Any]]
) -> None:
    ann = make_user("ann")
    [novel] = make_novels(1, owner=ann, title="As it was")
    path = f"/api/v1/novels/{novel.pk}/"
    owner = as_user(ann)

    with emptied_pool():
        refused = owner.patch(path, {"title": "Renamed"}, format="json")

    assert refused.status_code == 503
    assert owner.get(path).json()["title"] == "As it was"


def test_the_metrics_count_pool_waits_and_their_time(pool_of_one: None, api: Any) -> None:
    def metric(name: str) -> float:
        text = api.get("/metrics").content.decode()
        match = re.search(rf'^morpheus_db_pool_{name}{{alias="default"}} (\S+)$', text, re.M)
        assert match, text
        return float(match[1])

    connection.ensure_connection()  # What no pool has counted yet is not shown.
    timeouts, waited_s = metric("timeouts_total"), metric("wait_seconds_total")
    with emptied_pool():
        assert (metric("size"), metric("in_use"), metric("idle")) == (1, 1, 0)

        def read() -> None:
            api.get("/api/v1/novels/")
            connection.close()

        waits = Thread(target=read)
        waits.start()
        while not metric("waiting"):
            assert waits.is_alive()
        waits.join()

    assert metric("timeouts_total") == timeouts + 1
    assert metric("wait_seconds_total") >= waited_s + TIMEOUT_S / 2
