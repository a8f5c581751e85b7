"""Limits of the work that one file may cause."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold for every file; sizes in bytes."""

    # The upload limit of the API (MORPHEUS_MAX_UPLOAD_MB); the longest novels have about 10 MB.
    max_file_bytes: int = 25 * _MIB
    # Heavily illustrated EPUBs have about 2,000 files.
    max_entries: int = 5_000
    # Unpacked, pictures included; pictures hardly shrink, so ordinary files stay near 25 MiB.
    max_total_bytes: int = 300 * _MIB
    # Prose shrinks to a third, drawings in SVG to a thirtieth; deflate can reach 1,032.
    max_ratio: int = 100
    # Smaller files may have any compression ratio: they can do no harm.
    ratio_floor_bytes: int = 1 * _MIB
    # Package and navigation files of books with thousands of parts are below 1 MB.
    max_xml_bytes: int = 5 * _MIB
    # Text documents of one book together, mark-up included: as much as a text file may have.
    max_text_bytes: int = 25 * _MIB
    # The longest novels have 100,000; bounds memory, which goes by paragraphs more than by bytes.
    max_paragraphs: int = 500_000
    # The longest web novels have some 2,500 chapters.
    max_chapters: int = 10_000
