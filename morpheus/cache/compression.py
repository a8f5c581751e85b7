"""Compressing what is kept, where that pays."""

from __future__ import annotations

import gzip
import zlib

# Anything smaller fits into a packet anyway.
_MIN_BYTES = 1024
# A value that stays larger than this is kept as it is: unpacking it would buy nothing.
_MAX_SHARE = 0.8
# 22 kB of prose: 116 µs to 48 %, unpacked in 37 µs. Level 6 takes 651 µs to 43 %.
_LEVEL = 1

_MAGIC = b"\x1f\x8b"


def compress(payload: bytes) -> bytes:
    """Return the payload in the format of gzip, or as it is where that saves too little.

    The same bytes of the same: no time is written into them. The payload must be text, which
    never begins as gzip does.
    """
    if len(payload) < _MIN_BYTES:
        return payload
    smaller = gzip.compress(payload, _LEVEL, mtime=0)
    return smaller if len(smaller) <= _MAX_SHARE * len(payload) else payload


def decompress(payload: bytes) -> bytes:
    """Return what was given to `packed`."""
    return zlib.decompress(payload, zlib.MAX_WBITS | 16) if is_compressed(payload) else payload


def is_compressed(payload: bytes) -> bool:
    """Tell whether `packed` compressed it."""
    return payload.startswith(_MAGIC)
