"""Find the metadata of an AVIF: the items "Exif" and "mime" (XMP) of its `meta` box.

The boxes are those of ISO/IEC 14496-12, section 8.11.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

_METADATA_ITEMS = frozenset({b"Exif", b"mime"})
_IN_FILE, _IN_ITEM_DATA = 0, 1
# A picture of 40 million pixels in tiles has some hundred.
MAX_EXTENTS = 20_000


class _Fields(BytesIO):
    """Big-endian numbers, read one after the other."""

    def number(self, size: int) -> int:
        """Return the next number of `size` bytes; 0 if the size is 0."""
        data = self.read(size)
        if len(data) < size:
            raise ValueError("A box ends within a field.")
        return int.from_bytes(data, "big")


def metadata_extents(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each metadata item, and where each of its parts begins and ends.

    Raises:
        ValueError: The boxes are broken, or name more parts or bytes than an honest file does.
    """
    total = 0
    for name, start, end in _boxes(data, 0, len(data)):
        if name != b"meta":
            continue
        boxes = {name: (at, until) for name, at, until in _boxes(data, start + 4, end)}
        if b"iinf" not in boxes or b"iloc" not in boxes:
            continue
        for part in _item_extents(data, boxes):
            total += part[2] - part[1]
            if total > len(data):
                raise ValueError("Parts of metadata overlap.")
            yield part


def _item_extents(
    data: bytes, boxes: dict[bytes, tuple[int, int]]
) -> Iterator[tuple[bytes, int, int]]:
    types = dict(_item_types(data, *boxes[b"iinf"]))
    bases = {_IN_FILE: 0, _IN_ITEM_DATA: boxes.get(b"idat", (0, 0))[0]}
    for count, (item, method, offset, size) in enumerate(_locations(data, *boxes[b"iloc"])):
        if count >= MAX_EXTENTS:
            raise ValueError("The file has too many parts.")
        if types.get(item) in _METADATA_ITEMS:
            start = bases[method] + offset
            if start + size > len(data):
                raise ValueError("A part of metadata is outside of the file.")
            # A size of 0 means the rest of the file.
            yield types[item], start, start + size if size else len(data)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each box, and where its content begins and ends."""
    while start + 8 <= end:
        size, header = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        stop = start + size if size else end
        if size and size < header or stop > end:
            raise ValueError("A box is larger than its container, or smaller than its header.")
        yield data[start + 4 : start + 8], start + header, stop
        start = stop


def _item_types(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    first = start + (6 if data[start] == 0 else 8)
    for name, at, until in _boxes(data, first, end):
        version = data[at]
        if name == b"infe" and version >= 2:
            fields = _Fields(data[at + 4 : until])
            item = fields.number(2 if version == 2 else 4)
            fields.number(2)
            yield item, fields.read(4)


def _locations(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield item, construction method, offset and size of each extent."""
    version = data[start]
    fields = _Fields(data[start + 4 : end])
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (
        sizes >> shift & 15 for shift in (12, 8, 4, 0)
    )
    for _ in range(fields.number(2 if version < 2 else 4)):
        item = fields.number(2 if version < 2 else 4)
        method = fields.number(2) & 15 if version else _IN_FILE
        fields.number(2)
        base = fields.number(base_size)
        for _ in range(fields.number(2)):
            if version:
                fields.number(index_size)
            yield item, method, base + fields.number(offset_size), fields.number(length_size)
