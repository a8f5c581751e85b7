"""How many threads may hold one kind of work, and wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from morpheus.http.bulkhead import Bulkhead, Busy
from tests.serving import wait_until

# Longer than any wait of these tests.
FAR_S = 20


@contextmanager
def occupy(bulkhead: Bulkhead, count: int) -> Iterator[None]:
    """Have `count` other threads hold a place, or wait for one, during the block."""
    done = threading.Event()

    def hold() -> None:
        with suppress(Busy), bulkhead.hold():
            done.wait(FAR_S)

    threads = [threading.Thread(target=hold) for _ in range(count)]
    for thread in threads:
        thread.start()
    wait_until(lambda: bulkhead.occupied == count)
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_thread_that_gets_no_place_in_time_is_refused() -> None:
    bulkhead = Bulkhead(1, most_waiting=1, patience_s=0.05)

    with occupy(bulkhead, 1), pytest.raises(Busy, match="taken"), bulkhead.hold():
        pass

    with bulkhead.hold():
        pass
    assert bulkhead.occupied == 0


def test_a_thread_is_refused_at_once_when_enough_wait() -> None:
    bulkhead = Bulkhead(1, most_waiting=1, patience_s=FAR_S)

    with occupy(bulkhead, 2), pytest.raises(Busy, match="Too many"), bulkhead.hold():
        pass

    with bulkhead.hold():
        pass


def test_a_waiting_thread_gets_the_place_that_comes_free() -> None:
    bulkhead = Bulkhead(1, most_waiting=1, patience_s=FAR_S)
    entered = threading.Event()

    def hold() -> None:
        with bulkhead.hold():
            entered.set()

    with bulkhead.hold():
        thread = threading.Thread(target=hold)
        thread.start()
        wait_until(lambda: bulkhead.occupied == 2)
        assert not entered.is_set()
    thread.join()

    assert entered.is_set()
    assert bulkhead.occupied == 0


def test_one_client_gets_its_part_only() -> None:
    bulkhead = Bulkhead(2, places_of_client=1)
    bulkhead.enter("first")

    with pytest.raises(Busy):
        bulkhead.enter("first")
    bulkhead.enter("second")
    bulkhead.leave("first")
    bulkhead.enter("first")
