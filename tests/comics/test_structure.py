"""Pictures of too many parts are refused before they are decoded."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from comics.images import decoding, structure
from comics.images.decoding import picture_read
from comics.images.structure import ImageRefused
from tests import hostile_inputs

MAKERS = [
    (hostile_inputs.jpeg_of_scans, structure.MAX_SCANS, "scans"),
    (hostile_inputs.jpeg_of_segments, structure.MAX_SEGMENTS, "segments"),
    (hostile_inputs.png_of_chunks, structure.MAX_CHUNKS, "chunks"),
    (hostile_inputs.webp_of_chunks, structure.MAX_CHUNKS, "chunks"),
    (hostile_inputs.gif_of_blocks, structure.MAX_GIF_BLOCKS, "blocks"),
]
# What stands for "decoded": the least of them takes minutes.
FAR_S = 10


@pytest.mark.parametrize(("make", "limit", "parts"), MAKERS)
def test_a_picture_of_too_many_parts_is_refused_undecoded(
    make: Any, limit: Any, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_read", lambda data: pytest.fail("decoded"))

    with pytest.raises(ImageRefused, match=f"more than {limit:,} {parts}"):
        picture_read(make(limit + 50))


@pytest.mark.parametrize(("make", "limit", "parts"), MAKERS)
def test_a_picture_of_many_parts_is_accepted(make: Any, limit: Any, parts: Any) -> None:
    picture_read(make(limit - 50))


@pytest.mark.parametrize(("make", "limit", "parts"), MAKERS)
def test_counting_ends_at_the_limit(make: Any, limit: Any, parts: Any) -> None:
    data = make(1_000_000)
    began = time.monotonic()

    with pytest.raises(ImageRefused):
        structure.refuse_costly(data)

    assert time.monotonic() - began < FAR_S


def test_a_scan_in_a_preview_or_profile_is_not_counted() -> None:
    out = BytesIO()
    Image.new("RGB", (60, 80)).save(out, "JPEG", icc_profile=b"\xff\xda\x00\x02" * 16_000)

    markers = [marker for marker, _, _ in structure.jpeg_segments(out.getvalue())]
    assert markers.count(0xDA) == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_beginning_of_a_picture_can_be_counted(kind: Any) -> None:
    out = BytesIO()
    Image.effect_noise((40, 40), 50).convert("P").convert("RGB").save(out, kind)
    data = out.getvalue()

    for end in range(len(data)):
        structure.refuse_costly(data[:end])


def test_the_blocks_of_a_gif_are_all_found() -> None:
    out = BytesIO()
    Image.effect_noise((100, 100), 50).save(out, "GIF", comment=b"c" * 600)
    data = out.getvalue()

    blocks = list(structure.gif_blocks(data))

    # The last one ends the file, and nothing was taken for a block in between.
    assert blocks[-1] == len(data) - 1 and data[blocks[-1]] == 0x3B
    kinds = [data[at] for at in blocks if data[at] in (0x21, 0x2C, 0x3B)]
    assert kinds[-1] == 0x3B and 0x2C in kinds
