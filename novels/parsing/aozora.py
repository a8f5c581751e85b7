"""Texts of Aozora Bunko: readings 《よみ》, notes ［＃…］ about the print, and a colophon."""

from __future__ import annotations

import re
from typing import Final

from novels.parsing.gutenberg import Front

_NOTE: Final = re.compile(r"［＃[^［］\n]{0,200}］")
# A reading stands behind its characters; a bar shows where they begin.
_READING: Final = re.compile(r"《[^《》\n]{1,60}》")
_HEADING: Final = re.compile(r"［＃「[^」\n]{1,100}」は(?P<level>大|中|小)見出し］")
_LEVELS: Final = {"大": "#", "中": "##", "小": "###"}
_RULE: Final = re.compile(r"^-{20,}[ ]*$", re.MULTILINE)
_COLOPHON: Final = re.compile(r"^底本：", re.MULTILINE)
# The explanation of the signs is shorter.
_HEADER_CHARS: Final = 4_000


def split_aozora(text: str) -> Front | None:
    """Return a text of Aozora Bunko, headings marked as in Markdown; None for any other text."""
    colophon = _COLOPHON.search(text)
    if colophon is None or not (_NOTE.search(text) or _READING.search(text)):
        return None
    rules = [match for match in _RULE.finditer(text, 0, _HEADER_CHARS)][:2]
    names = text[: rules[0].start()] if rules else text.partition("\n\n")[0]
    begin = rules[-1].end() if rules else len(names)
    lines = [line.strip() for line in names.strip().split("\n") if line.strip()]
    return Front(
        title=lines[0] if lines else None,
        author=lines[-1] if len(lines) > 1 else None,
        language="ja",
        body=_plain(text[begin : colophon.start()]),
        is_gutenberg=False,
    )


def _plain(text: str) -> str:
    """Mark the lines that are headings, and drop readings and notes."""
    lines = [_mark(line) for line in text.split("\n")]
    plain = _READING.sub("", _NOTE.sub("", "\n".join(lines)))
    return plain.replace("｜", "")


def _mark(line: str) -> str:
    heading = _HEADING.search(line) if "見出し］" in line else None
    if heading is None:
        return line
    title = _NOTE.sub("", line).strip()
    return f"\n{_LEVELS[heading['level']]} {title}\n" if title else line
