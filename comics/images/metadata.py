"""Remove EXIF, XMP and IPTC from a picture file without decoding it, so that no pixel changes.

They can name a place, a device or a person. Comments that an author wrote stay.
"""

from __future__ import annotations

import re
from io import BytesIO
from zlib import crc32

from comics.images import isobmff
from comics.images.structure import (
    gif_blocks,
    jpeg_segments,
    png_chunks,
    skip_gif_data,
    webp_chunks,
)

_SIGNATURE_BYTES = 8

# JPEG: APP1 holds EXIF and XMP; APP13, Photoshop's blocks with IPTC.
_PRIVATE_SEGMENTS = frozenset({0xE1, 0xED})
# The index of further views of a phone's picture; what follows the first view is dropped.
_VIEWS = b"MPF\0"
_APP2, _END_OF_IMAGE = 0xE2, 0xD9

# PNG: text under such keywords, as written by ImageMagick and others.
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PRIVATE_KEYWORD = re.compile(rb"exif|xmp|iptc|photoshop|app1", re.IGNORECASE)
_MAX_KEYWORD_BYTES = 80

_WEBP_FLAGS = {b"EXIF": 0x08, b"XMP ": 0x04}
_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"

# TIFF, little endian, a directory without entries.
_EMPTY_EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"


def remove_metadata(data: bytes, kind: str) -> bytes:
    """Return the file without metadata; the same bytes if it has none.

    Args:
        kind: The format: PNG, JPEG, WEBP, GIF or AVIF.
    """
    return _REMOVERS[kind](data)


def add_orientation(png: bytes, orientation: int) -> bytes:
    """Return a PNG with an EXIF block that has its orientation only."""
    entry = b"\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0, 0, 0])
    body = b"eXIf" + b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + crc32(body).to_bytes(4, "big")
    after_header = _SIGNATURE_BYTES + 25
    return png[:after_header] + chunk + png[after_header:]


def _remove_from_jpeg(data: bytes) -> bytes:
    private = []
    for marker, start, end in jpeg_segments(data):
        is_index = marker == _APP2 and data.startswith(_VIEWS, start + 4)
        if marker in _PRIVATE_SEGMENTS or is_index:
            private.append((start, end))
        elif marker == _END_OF_IMAGE and private:
            private.append((end, len(data)))
    return _without(data, private)


def _remove_from_png(data: bytes) -> bytes:
    private = []
    for name, start, end in png_chunks(data):
        keyword = data[start + 8 : start + 8 + _MAX_KEYWORD_BYTES].partition(b"\0")[0]
        if name == b"eXIf" or (name in _TEXT_CHUNKS and _PRIVATE_KEYWORD.search(keyword)):
            private.append((start, end))
    return _without(data, private)


def _remove_from_webp(data: bytes) -> bytes:
    private, flags = [], 0
    for name, start, end in webp_chunks(data):
        if flag := _WEBP_FLAGS.get(name):
            private.append((start, end))
            flags |= flag
    if not private:
        return data
    file = bytearray(_without(data, private))
    if file[12:16] == b"VP8X":
        file[20] &= ~flags
    file[4:8] = (len(file) - 8).to_bytes(4, "little")
    return bytes(file)


def _remove_from_gif(data: bytes) -> bytes:
    return _without(
        data,
        [
            (start, skip_gif_data(data, start + len(_GIF_XMP)))
            for start in gif_blocks(data)
            if data.startswith(_GIF_XMP, start)
        ],
    )


def _remove_from_avif(data: bytes) -> bytes:
    """Overwrite the metadata in place: other parts of the file are found by their offsets."""
    file = bytearray(data)
    for kind, start, end in isobmff.metadata_extents(data):
        size = end - start
        # The first four bytes of EXIF tell where its TIFF header begins.
        blank = bytes(4) + _EMPTY_EXIF if kind == b"Exif" else b""
        file[start:end] = blank.ljust(size, b"\0" if blank else b" ")[:size]
    return bytes(file)


_REMOVERS = {
    "JPEG": _remove_from_jpeg,
    "PNG": _remove_from_png,
    "WEBP": _remove_from_webp,
    "GIF": _remove_from_gif,
    "AVIF": _remove_from_avif,
}


def _without(data: bytes, parts: list[tuple[int, int]]) -> bytes:
    if not parts:
        return data
    out, at = BytesIO(), 0
    for start, end in parts:
        out.write(data[at:start])
        at = end
    out.write(data[at:])
    return out.getvalue()
