"""Compression of cached payloads."""

from __future__ import annotations

import os

import pytest

from morpheus.cache.store import cache_store, compress, decompress
from tests.morpheus.cache.source import Source

PROSE = b"All work and no play makes Jack a dull boy. " * 100


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", PROSE[:1023], PROSE, os.urandom(5000).hex().encode(), b"{" + os.urandom(5000)],
    ids=["nothing", "none", "short", "long", "random hexadecimal", "random"],
)
def test_every_payload_survives_compression(payload: bytes) -> None:
    assert decompress(compress(payload)) == payload
    assert len(compress(payload)) <= len(payload)


def test_long_text_is_compressed_and_what_would_stay_long_is_not() -> None:
    noise = b"{" + os.urandom(5000)

    assert len(compress(PROSE)) < len(PROSE) / 10
    assert compress(PROSE[:1023]) == PROSE[:1023]
    assert compress(noise) == noise


def test_equal_payloads_compress_to_equal_bytes() -> None:
    """Otherwise shadow verification would report every value as stale."""
    assert compress(PROSE) == compress(bytes(PROSE))


def test_a_long_value_is_kept_compressed_and_read_as_it_was(source: Source) -> None:
    source.value = {"text": PROSE.decode()}

    assert [source.read(), source.read()] == [source.value] * 2
    assert source.loads == 1
    [value] = cache_store().fetch([source.policy.key(1, None)])
    assert value is not None and len(value[1]) < len(PROSE) / 10
