"""Parse uploaded novels (.txt, .epub) into chapters; independent of Django."""

from novels.parsing.errors import ErrorCode, ParseError
from novels.parsing.limits import Limits
from novels.parsing.model import LeftOut, ParsedChapter, ParsedNovel, ParseWarning, WarningCode
from novels.parsing.parser import check_upload, parse_novel
from novels.parsing.sniffing import FileFormat, sniff_format

__all__ = [
    "ErrorCode",
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
    "sniff_format",
]
