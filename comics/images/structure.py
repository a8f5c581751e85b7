"""Count the parts of a picture file without decoding.

Decoders go through the picture once for each scan, and through lists for each block: a small file
with thousands of them keeps a core busy for minutes. Each count ends at its limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

# A progressive JPEG has about ten; programs that tune them write at most some thirty.
MAX_SCANS = 100
# Profiles and previews of 20 MB come in 320 segments of a JPEG.
MAX_SEGMENTS = 2_000
# Of 20 MB, PNG's usual chunks of 8 kB are 2,500; few programs write as little as 1 kB.
MAX_CHUNKS = 20_000
# GIF's blocks hold at most 255 bytes; of 20 MB, full ones are 82,000.
MAX_GIF_BLOCKS = 200_000

# Within a scan, FF before a zero is data, and eight restart marks belong to it.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# Markers without a length: the beginning, restarts and a reserved one.
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


class ImageRefused(ValueError):
    """The upload is no accepted picture; the message tells the client why."""


def refuse_costly(data: bytes) -> None:
    """Refuse a picture whose number of parts makes decoding too expensive.

    Raises:
        ImageRefused: It has more scans, segments, chunks or blocks than any honest one.
    """
    if data.startswith(b"\xff\xd8"):
        segments = islice(jpeg_segments(data), MAX_SEGMENTS + 1)
        markers = [marker for marker, _, _ in segments]
        scans = (marker for marker in markers if marker == _START_OF_SCAN)
        _refuse_many(MAX_SCANS, scans, "scans")
        _refuse_many(MAX_SEGMENTS, iter(markers), "segments")
    elif data.startswith(b"\x89PNG"):
        _refuse_many(MAX_CHUNKS, png_chunks(data), "chunks")
    elif data.startswith(b"RIFF"):
        _refuse_many(MAX_CHUNKS, webp_chunks(data), "chunks")
    elif data.startswith(b"GIF8"):
        _refuse_many(MAX_GIF_BLOCKS, gif_blocks(data), "blocks")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker of a JPEG up to its end, with the start and end of its segment.

    Decoders find them the same way. The data of a scan follows its segment.
    """
    at = 2
    while match := _MARKER.search(data, at):
        start, at = match.start(), match.end()
        marker = data[start + 1]
        if marker != _END_OF_IMAGE and marker not in _ALONE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
        yield marker, start, at
        if marker == _END_OF_IMAGE:
            return


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk of a PNG, and where it begins and ends."""
    at = 8
    while at < len(data):
        start, at = at, at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[start + 4 : start + 8], start, min(at, len(data))


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk of a WebP, and where it begins and ends."""
    at = 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        start, at = at, at + 8 + size + size % 2
        yield data[start : start + 4], start, min(at, len(data))


def gif_blocks(data: bytes) -> Iterator[int]:
    """Yield the offsets of a GIF's blocks and sub-blocks."""
    at = 13 + _palette_bytes(data, 10)
    while at < len(data):
        yield at
        kind = data[at]
        if kind == 0x21:  # An extension: its label, then data.
            at += 2
        elif kind == 0x2C:  # A picture: place and size, perhaps a palette, the size of a code.
            at += 11 + _palette_bytes(data, at + 9)
        elif kind == 0x3B:
            return
        else:
            at += 1
            continue
        while at < len(data) and data[at]:
            yield at
            at += 1 + data[at]
        at += 1


def skip_gif_data(data: bytes, at: int) -> int:
    """Return the offset after the sub-blocks at `at`, and after the empty one that ends them."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return min(at + 1, len(data))


def _palette_bytes(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 << (1 + flags % 8) if flags & 0x80 else 0


def _refuse_many(limit: int, parts: Iterator[object], name: str) -> None:
    if next(islice(parts, limit, None), None) is not None:
        raise ImageRefused(
            f"This picture has more than {limit:,} {name}. Save it anew with another program."
        )
