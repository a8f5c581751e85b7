"""Files whose reading costs far more than their size."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image

_END_OF_IMAGE = b"\xff\xd9"


def jpeg_of_scans(count: int, width: int = 1_000, height: int = 1_000) -> bytes:
    """Return a progressive JPEG with so many empty scans.

    A decoder goes through all coefficients for each: 26,000 scans are 261 kB.
    """
    out = BytesIO()
    Image.new("L", (width, height), 128).save(out, "JPEG", progressive=True)
    # One component, coefficients 1 to 63, first pass; then data would follow.
    scan = b"\xff\xda" + struct.pack(">H", 8) + bytes([1, 1, 0, 1, 63, 0])
    return out.getvalue().removesuffix(_END_OF_IMAGE) + scan * count + _END_OF_IMAGE


def jpeg_of_segments(count: int) -> bytes:
    """Return a JPEG with so many comments."""
    data = _picture("JPEG")
    return data[:2] + b"\xff\xfe\x00\x02" * count + data[2:]


def png_chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of_chunks(count: int) -> bytes:
    """Return a PNG whose pixels come in so many chunks more than they need."""
    data = _picture("PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + png_chunk(b"IDAT") * count + data[at:]


def gif_of_blocks(count: int) -> bytes:
    """Return a GIF with a comment of so many blocks, of one byte each."""
    data = _picture("GIF")
    # The last byte ends the file.
    return data[:-1] + b"\x21\xfe" + b"\x01a" * count + b"\x00" + data[-1:]


def webp_of_chunks(count: int) -> bytes:
    """Return a WebP with so many chunks that no decoder knows."""
    data = _picture("WEBP") + b"junk\x00\x00\x00\x00" * count
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def line_of_dots(count: int) -> bytes:
    """Return a novel whose table of contents has a line of so many dots."""
    return b"CONTENTS\n\n" + b"." * count + b"x\n\nIt began.\n\nIt ended.\n"


def _picture(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (60, 80), "blue").save(out, kind)
    return out.getvalue()
