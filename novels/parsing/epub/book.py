"""Parse an EPUB: pages in reading order, cut at its contents or its headings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from novels.parsing.assembly import Outline, assemble, find_losses
from novels.parsing.decoding import decode_markup
from novels.parsing.epub.archive import Archive
from novels.parsing.epub.cuts import cut_at_marks
from novels.parsing.epub.marks import (
    Mark,
    chapter_marks,
    contents_marks,
    ends_of_entries,
    is_container,
    spans,
    with_headings_inside,
)
from novels.parsing.epub.matter import (
    drop_by_name,
    drop_contents,
    drop_declared,
    drop_publishers_pages,
    words_of,
)
from novels.parsing.epub.navigation import Navigation, read_navigation
from novels.parsing.epub.notes import remove_notes
from novels.parsing.epub.package import Package, SpineItem, read_package
from novels.parsing.epub.page import Page, read_page
from novels.parsing.epub.reading import Reading
from novels.parsing.headings import parse_heading
from novels.parsing.languages import detect_language
from novels.parsing.model import LeftOut, Limits, ParsedNovel, ParseError, ParseWarning, count_words
from novels.parsing.outline import find_chapters

# A page of contents in the reading order may have a few words besides.
_MOST_WORDS_OF_CONTENTS = 60


def parse_epub(data: bytes, *, limits: Limits, progress: Callable[[str, int], None]) -> ParsedNovel:
    """Return the novel in an EPUB."""
    progress("reading", 0)
    archive = Archive(data, limits)
    package = read_package(archive)
    navigation = read_navigation(archive, package)
    pages = _Pages(archive, package, navigation, limits)
    pages.read(progress)
    progress("splitting", 80)
    reading = Reading(pages.pages)
    _drop_matter(reading, package, navigation)
    cut = _cut(reading, navigation, package, limits)
    try:
        chapters = assemble(cut.sections, fallback_title=package.title, limits=limits)
    except ParseError as error:
        raise pages.error or error from error
    left_out = [*pages.left_out, *reading.left_out(), *cut.left_out]
    words = reading.words(0, len(reading.blocks)) - cut.heading_words
    words -= sum(part.words for part in cut.left_out)
    warnings = find_losses(chapters, left_out, words=words, documents=len(package.spine))
    progress("splitting", 100)
    language = package.language or detect_language(max((c.content for c in chapters), key=len))
    return ParsedNovel(
        package.title,
        package.author,
        language,
        chapters,
        tuple(left_out),
        (*warnings, *_empty_warning(cut.empty), *pages.warnings()),
    )


class _Pages:
    """Reads the documents of the reading order."""

    def __init__(
        self, archive: Archive, package: Package, navigation: Navigation, limits: Limits
    ) -> None:
        self.pages: dict[str, Page] = {}
        # Those that could not be read, or do not belong to it; why the first could not be read.
        self.left_out: list[LeftOut] = []
        self.error: ParseError | None = None
        self._archive = archive
        self._package = package
        self._limits = limits
        self._paragraphs = 0
        self._undecodable: list[str] = []
        self._fragments: dict[str, set[str]] = defaultdict(set)
        for entry in navigation.entries:
            self._fragments[entry.document].add(entry.fragment)
        self._is_any_linear = any(item.is_linear for item in package.spine if not item.missing)

    def read(self, progress: Callable[[str, int], None]) -> None:
        """Read all documents."""
        for index, item in enumerate(self._package.spine, 1):
            if item.missing:
                self._leave_out(item.name, item.missing, 0)
                self.error = self.error or item.error
            elif item.name not in self.pages:
                self._read_item(item)
            progress("reading", 80 * index // len(self._package.spine))

    def warnings(self) -> list[ParseWarning]:
        """Return what was repaired in the documents."""
        if not self._undecodable:
            return []
        names = ", ".join(self._undecodable[:20])
        detail = f"Bytes that are no characters were replaced in: {names}."
        return [ParseWarning("undecodable_bytes", detail)]

    def _read_item(self, item: SpineItem) -> None:
        try:
            data = self._archive.read_text_file(item.name)
        except ParseError as error:
            if error.code != "bad_zip":
                raise
            self.error = self.error or error
            self._leave_out(item.name, "damaged", 0)
            return
        source = decode_markup(data)
        if "\ufffd" in source and "\ufffd".encode() not in data:
            self._undecodable.append(item.name)
        page = read_page(
            source,
            self._limits.max_paragraphs - self._paragraphs,
            self._fragments.get(item.name, ()),
        )
        words = sum(count_words(block.text) for block in page.blocks)
        if item.name == self._package.nav and words <= _MOST_WORDS_OF_CONTENTS:
            self._leave_out(item.name, "table of contents", words + page.skipped.total())
        elif self._is_any_linear and not item.is_linear and item.name not in self._fragments:
            self._leave_out(item.name, "outside the reading order", words)
        else:
            self.pages[item.name] = page
            self._paragraphs += len(page.blocks)

    def _leave_out(self, name: str, reason: str, words: int) -> None:
        self.left_out.append(LeftOut(name, reason, words, is_document=True))


def _drop_matter(reading: Reading, package: Package, navigation: Navigation) -> None:
    """Take out notes, and front and back matter that is no text of the author."""
    remove_notes(reading)
    drop_declared(reading, {**package.declared, **navigation.declared})
    drop_contents(reading)
    labels: dict[int, str] = {}
    for _, start, end in reading.spans():
        first = next((b for b in reading.blocks[start:end] if b.text), None)
        if first is not None and first.level:
            drop_by_name(reading, start, end, first.text)
    marks = contents_marks(reading, navigation.entries)
    for mark, end in zip(marks, ends_of_entries(reading, marks), strict=True):
        labels[mark.index] = mark.label
        if parse_heading(mark.label) is None:
            drop_by_name(reading, mark.index, end, mark.label)
    title = words_of(package.title or "")
    listed = sorted(i for i, label in labels.items() if words_of(label) != title)
    drop_publishers_pages(reading, [package.title or "", package.author or ""], listed)


def _cut(reading: Reading, navigation: Navigation, package: Package, limits: Limits) -> Outline:
    """Cut by the contents; where there are none by headings, else as plain text."""
    title = words_of(package.title or "")
    marks = _with_text(reading, contents_marks(reading, navigation.entries))
    marks = with_headings_inside(reading, marks, title)
    by_contents = cut_at_marks(reading, marks, package.title)
    if by_contents.chapters > 1:
        return by_contents
    by_heading = cut_at_marks(reading, chapter_marks(reading), package.title)
    best = by_heading if by_heading.chapters > by_contents.chapters else by_contents
    if best.chapters > 1:
        return best
    texts = [block.text for block in reading.blocks if block.text]
    by_text = find_chapters([tuple(t.split("\n")) for t in texts], bytes(len(texts)), limits)
    has_empty = any(s.heading and not s.paragraphs for s in by_text.sections)
    return by_text if by_text.chapters > 1 and not has_empty else best


def _with_text(reading: Reading, marks: list[Mark]) -> list[Mark]:
    """Return the marks without those of dropped pieces; parts may have no text of their own."""
    kept: list[Mark] = []
    for mark, end, following in spans(marks, len(reading.blocks)):
        own_end = min(end, reading.document_end(mark.index))
        is_dropped = own_end > mark.index and not reading.words(mark.index, own_end)
        has_children = following is not None and following.depth > mark.depth
        has_text = not is_dropped and reading.words(mark.index, end) > 0
        if has_children or is_container(mark.label) or has_text:
            kept.append(mark)
    return kept


def _empty_warning(labels: list[str]) -> list[ParseWarning]:
    if not labels:
        return []
    names = ", ".join(label[:60] for label in labels[:20])
    return [ParseWarning("empty_chapter", f"No chapter was made of titles without text: {names}.")]
