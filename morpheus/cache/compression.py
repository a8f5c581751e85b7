"""Compression of cached payloads."""

from __future__ import annotations

import gzip
import zlib

# A smaller payload fits into one packet anyway.
_MIN_BYTES = 1024
# A payload that stays larger than this is stored as it is.
_MAX_RATIO = 0.8
# 22 kB of prose: 116 µs to 48 %, decompressed in 37 µs. Level 6 takes 651 µs to 43 %.
_LEVEL = 1

_GZIP_MAGIC = b"\x1f\x8b"


def compress(payload: bytes) -> bytes:
    """Return the payload in gzip format, or unchanged where that saves too little.

    Equal payloads give equal bytes, without a timestamp. A payload must be text, which never begins
    like gzip.
    """
    if len(payload) < _MIN_BYTES:
        return payload
    compressed = gzip.compress(payload, _LEVEL, mtime=0)
    return compressed if len(compressed) <= _MAX_RATIO * len(payload) else payload


def decompress(payload: bytes) -> bytes:
    """Return the payload that was passed to `compress`."""
    is_compressed = payload.startswith(_GZIP_MAGIC)
    return zlib.decompress(payload, zlib.MAX_WBITS | 16) if is_compressed else payload
