"""The text that publishers of free books add.

Project Gutenberg: header, licence, credits, title lines.
Aozora Bunko: readings 《よみ》, notes ［＃…］ about the print, and a colophon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from novels.parsing.languages import language_code

# Markers begin a line; the title in them may run on to the next line.
_START: Final = re.compile(
    r"^[ ]*\*{3}[ ]*START OF (?:THE|THIS) PROJECT GUTENBERG[^*]{0,400}(?:\*{3}[^\n]{0,80})?\n"
    r"|^[ ]*\*END[ *]{1,3}THE SMALL PRINT[^\n]{0,200}\n",
    re.MULTILINE | re.IGNORECASE,
)
_END: Final = re.compile(
    r"^[ ]*\*{3}[ ]*END OF (?:THE|THIS) PROJECT GUTENBERG"
    r"|^[ *]{0,8}END OF (?:THE |THIS )?PROJECT GUTENBERG"
    r"|^[ ]*\*{3}[ ]*START[ *]{1,3}THE SMALL PRINT"
    r"|^THE FULL PROJECT GUTENBERG LICEN[CS]E",
    re.MULTILINE | re.IGNORECASE,
)
# The old small print is longer than today's header; no header is longer than this.
_HEADER_CHARS: Final = 40_000
_MENTION: Final = re.compile(r"project gutenberg|gutenberg\.(?:org|net)|pgdp\.net", re.IGNORECASE)
_CREDIT: Final = re.compile(
    r"_?\[?(?:produced|prepared|transcribed|digiti[sz]ed|scanned|proofread|html version|credits:"
    r"|e-?text (?:prepared|produced|transcribed)|this e-?(?:text|book) was|note: project)",
    re.IGNORECASE,
)
_FIRST_LINE: Final = re.compile(
    r"project gutenberg(?:['’]s)?\s+(?:e-?(?:book|text) of\s+)?(.{1,200}?),\s+by\s+(.{1,100})",
    re.IGNORECASE,
)
_FIELD: Final = re.compile(r"(title|author|language|subtitle)s?:[ ]*(.*)", re.IGNORECASE)
_OTHER_FIELD: Final = re.compile(r"[A-Z][A-Za-z ]{1,30}:(?:\s|$)")

_NOTE: Final = re.compile(r"［＃[^［］\n]{0,200}］")
# A reading stands behind its characters; a bar shows where they begin.
_READING: Final = re.compile(r"《[^《》\n]{1,60}》")
_HEADING: Final = re.compile(r"［＃「[^」\n]{1,100}」は(?P<level>大|中|小)見出し］")
_LEVELS: Final = {"大": "#", "中": "##", "小": "###"}
_RULE: Final = re.compile(r"^-{20,}[ ]*$", re.MULTILINE)
_COLOPHON: Final = re.compile(r"^底本：", re.MULTILINE)
# The explanation of the signs is shorter.
_EXPLANATION_CHARS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Front:
    """The fields of a text's header, the text itself, and what its publisher put around it."""

    title: str | None
    author: str | None
    language: str | None
    body: str
    is_gutenberg: bool
    around: str = ""


def split_front(text: str) -> Front:
    """Return the fields of the header and the text between header and licence."""
    starts = list(_START.finditer(text, 0, _HEADER_CHARS))
    begin = starts[-1].end() if starts else 0
    end = _END.search(text, begin)
    is_gutenberg = bool(starts or end or _MENTION.search(text, 0, 2_000))
    head = text[:begin] if begin else text[:4_000]
    fields = _fields(head)
    body = text[begin : end.start() if end else len(text)]
    if not begin and fields:
        body = _without_fields(body)
    named = _FIRST_LINE.search(text, 0, 1_000) if is_gutenberg else None
    return Front(
        title=fields.get("title") or (named.group(1).strip() if named else None),
        author=fields.get("author") or (named.group(2).strip() if named else None),
        language=language_code(fields.get("language", "")),
        body=body,
        is_gutenberg=is_gutenberg,
        around=f"{text[:begin]} {text[end.start() :] if end else ''}" if is_gutenberg else "",
    )


def is_boilerplate(block: str, *, leading: bool) -> bool:
    """Return whether a paragraph was written by Gutenberg: a mention, or the first credits."""
    return bool(_MENTION.search(block)) or (leading and bool(_CREDIT.match(block)))


def boilerplate_indexes(paragraphs: Sequence[str]) -> set[int]:
    """Return which paragraphs of an EPUB are Gutenberg's header, licence and credits."""
    if not any(_MENTION.search(paragraph) for paragraph in paragraphs):
        return set()
    marked = [f"{paragraph}\n" for paragraph in paragraphs]
    begin = max((i + 1 for i, p in enumerate(marked[:80]) if _START.match(p)), default=0)
    end = next((i for i in range(begin, len(marked)) if _END.match(marked[i])), len(marked))
    inside = range(begin, end)
    dropped = {i for i in inside if is_boilerplate(paragraphs[i], leading=i < begin + 8)}
    return dropped | set(range(len(marked))) - set(inside)


def _fields(head: str) -> dict[str, str]:
    """Return title, author and language as the header gives them, continued lines joined."""
    fields: dict[str, str] = {}
    lines = head.split("\n")
    for index, line in enumerate(lines):
        match = _FIELD.match(line)
        if match is None or match.group(1).lower() in fields:
            continue
        value = " ".join(match.group(2).split())
        for more in lines[index + 1 : index + 6]:
            if not more.startswith("  ") or not more.strip():
                break
            value = _continue(value, " ".join(more.split()))
        if value:
            fields[match.group(1).lower()] = value
    return fields


def _continue(value: str, more: str) -> str:
    """Join a continued line: "Frankenstein" and "or The Modern Prometheus" with a semicolon."""
    if re.match(r"or\b", more, re.IGNORECASE) and value[-1:].isalnum():
        return f"{value}; {more}"
    # A full line was wrapped, and a small word never ends a title; else a subtitle begins.
    wrapped = len(value) >= 55 or not value[-1:].isalnum() or more[0].islower()
    if wrapped or value.rsplit(" ", 1)[-1].islower():
        return f"{value} {more}".strip()
    return f"{value}: {more}"


def _without_fields(body: str) -> str:
    """Return a text that begins with "Title:" lines without its leading field lines."""
    lines = body.lstrip("\n").split("\n")
    if not _FIELD.match(lines[0]):
        return body
    count = 0
    while count < len(lines) and (
        not lines[count].strip() or _OTHER_FIELD.match(lines[count]) or lines[count][:2] == "  "
    ):
        count += 1
    return "\n".join(lines[count:])


def split_aozora(text: str) -> Front | None:
    """Return a text of Aozora Bunko, headings marked as in Markdown; None for any other text."""
    colophon = _COLOPHON.search(text)
    if colophon is None or not (_NOTE.search(text) or _READING.search(text)):
        return None
    rules = [match for match in _RULE.finditer(text, 0, _EXPLANATION_CHARS)][:2]
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
