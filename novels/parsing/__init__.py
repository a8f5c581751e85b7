"""Parse uploaded novels (.txt, .epub) into chapters; independent of Django."""

from __future__ import annotations

from novels.parsing.model import (
    LeftOut,
    Limits,
    ParsedChapter,
    ParsedNovel,
    ParseError,
    ParseWarning,
    WarningCode,
)
from novels.parsing.parser import FileFormat, check_upload, parse_novel

__all__ = [
    "FileFormat",
    "LeftOut",
    "Limits",
    "ParseError",
    "ParseWarning",
    "ParsedChapter",
    "ParsedNovel",
    "WarningCode",
    "check_upload",
    "parse_novel",
]
