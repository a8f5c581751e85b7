"""Bodies that arrive whole, in time, or not at all."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from morpheus.serving import transfers as module
from morpheus.serving.transfers import (
    BodyIncomplete,
    IncomingBody,
    OutgoingBody,
    Transfer,
    transfers,
)

PEER = "192.0.2.1"


@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.sampled_from(["read", "readline"]), st.integers(-1, 50)), max_size=20),
    st.integers(1, 40),
)
def test_a_body_is_read_as_from_a_file(
    data: bytes, calls: list[tuple[str, int]], piece_bytes: int
) -> None:
    file = io.BytesIO(data)
    body = IncomingBody(io.BytesIO(data), len(data), PEER)
    whole, module.PIECE_BYTES = module.PIECE_BYTES, piece_bytes
    try:
        for method, size in calls:
            assert getattr(body, method)(size) == getattr(file, method)(size)
        assert body.read() == file.read()
    finally:
        module.PIECE_BYTES = whole


def test_a_body_that_breaks_off_is_an_error_and_not_a_shorter_body() -> None:
    body = IncomingBody(io.BytesIO(b"half of"), 20, PEER)

    with pytest.raises(BodyIncomplete) as raised:
        body.read()

    assert not raised.value.is_overdue
    assert transfers._active == set()


def test_no_more_is_read_than_was_announced() -> None:
    stream = io.BytesIO(b"body and the next request")

    assert IncomingBody(stream, 4, PEER).read() == b"body"
    assert stream.tell() == 4


def test_a_transfer_is_overdue_when_it_falls_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    slow, steady = (Transfer("in", PEER, started_at=now[0]) for _ in range(2))

    with override_settings(MORPHEUS_TRANSFER_GRACE_S=10):
        now[0] += 10
        assert not slow.is_overdue()
        now[0] += 50
        steady.moved_bytes = 60 * module.SLOWEST_BYTES_PER_S
        assert slow.is_overdue()
        assert not steady.is_overdue()


def test_a_response_is_sent_in_large_pieces_and_its_source_closed() -> None:
    closed: list[bool] = []

    class Chunks:
        def __iter__(self) -> Iterator[bytes]:
            yield from [b"ab", b"cd", b"ef", b"g"]

        def close(self) -> None:
            closed.append(True)

    body = OutgoingBody(Chunks(), PEER, piece_bytes=4)

    assert list(body) == [b"abcd", b"efg"]
    body.close()
    assert closed == [True]
    assert transfers._active == set()
