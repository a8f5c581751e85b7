"""Parse an EPUB: pages in reading order, cut at its navigation or its headings."""

from __future__ import annotations

from collections.abc import Callable

from novels.parsing.assembly import Section, assemble
from novels.parsing.epub.archive import Archive
from novels.parsing.epub.cuts import cut_at_marks, heading_marks, nav_marks
from novels.parsing.epub.navigation import read_navigation
from novels.parsing.epub.package import Package, read_package
from novels.parsing.epub.page import Page, read_page
from novels.parsing.epub.protection import refuse_protected
from novels.parsing.epub.reading import Reading
from novels.parsing.limits import Limits
from novels.parsing.model import ParsedNovel
from novels.parsing.outline import outline


def check_epub(data: bytes, *, limits: Limits) -> None:
    """Refuse an EPUB that cannot be parsed; unpacks only the package files.

    Raises:
        ParseError: The EPUB is refused.
    """
    _open(data, limits)


def parse_epub(data: bytes, *, limits: Limits, progress: Callable[[str, int], None]) -> ParsedNovel:
    """Return the novel in an EPUB.

    Raises:
        ParseError: The EPUB is refused, or holds no text.
    """
    progress("reading", 0)
    archive, package = _open(data, limits)
    pages: dict[str, Page] = {}
    paragraphs = 0
    for index, name in enumerate(package.spine, 1):
        if name not in package.dropped:
            page = read_page(archive.read_text_file(name), limits.max_paragraphs - paragraphs)
            pages[name] = page
            paragraphs += len(page.blocks)
        progress("reading", 80 * index // len(package.spine))
    progress("splitting", 80)
    sections = _sections(Reading(pages), archive, package, limits)
    chapters = assemble(sections, fallback_title=package.title, limits=limits)
    progress("splitting", 100)
    return ParsedNovel(package.title, package.author, package.language, chapters)


def _open(data: bytes, limits: Limits) -> tuple[Archive, Package]:
    archive = Archive(data, limits)
    refuse_protected(archive, limits)
    return archive, read_package(archive, limits)


def _sections(
    reading: Reading, archive: Archive, package: Package, limits: Limits
) -> list[Section]:
    """Cut by navigation, by headings if they have more chapters, else as plain text."""
    navigation = read_navigation(archive, package, limits)
    by_nav = cut_at_marks(reading, nav_marks(reading, navigation), package.title)
    by_heading = cut_at_marks(reading, heading_marks(reading), package.title)
    best = by_heading if _chapter_count(by_heading) > _chapter_count(by_nav) else by_nav
    if _chapter_count(best) > 1:
        return best
    texts = [block.text for block in reading.blocks if block.text]
    by_text = outline([tuple(text.split("\n")) for text in texts], limits)
    return by_text if _chapter_count(by_text) > 1 else best


def _chapter_count(sections: list[Section]) -> int:
    return sum(section.heading is not None for section in sections)
