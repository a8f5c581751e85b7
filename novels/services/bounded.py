"""Reading of uploaded files in child processes, with limits.

Both functions take what those of `novels.parsing` do, raise what they raise, and refuse a file that
exceeds its limits or ends its reader with the same error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile

from morpheus.http.bulkhead import Bulkhead
from morpheus.sandbox import Crashed, JobLimits, MemoryLimit, TimeLimit, run
from novels import parsing
from novels.parsing import FileFormat, Limits, ParsedNovel, ParseError

T = TypeVar("T")

logger = logging.getLogger(__name__)

# A check takes some 0.1 s, but a hostile file can take all its time: such files hold two threads of
# the server, and the next uploads are refused (503) after a few seconds.
CHECKING = Bulkhead(2, most_waiting=2, patience_s=4.0)


def parsing_limits() -> Limits:
    """Return how much work one file may cause here."""
    return Limits(max_file_bytes=settings.MORPHEUS_MAX_UPLOAD_BYTES)


def check_upload(file: File, filename: str) -> FileFormat:
    """Refuse what can never be parsed; the uploader waits, so no transaction may be open.

    Raises:
        ParseError: The file is refused.
        Busy: Other files are checked.
    """
    with CHECKING.hold():
        return _bounded(
            parsing.check_upload,
            _source(file),
            filename,
            parsing_limits(),
            timeout_s=settings.MORPHEUS_UPLOAD_CHECK_TIMEOUT_S,
        )


def parse_novel(
    file: File | Path,
    filename: str,
    *,
    progress: Callable[[str, int], None] | None = None,
    check: Callable[[], None] | None = None,
) -> ParsedNovel:
    """Return what is in a file; `check` is called twice a second and stops the parse by raising.

    Raises:
        ParseError: The file is refused.
        FileNotFoundError: It is gone.
    """
    return _bounded(
        parsing.parse_novel,
        file if isinstance(file, Path) else _source(file),
        filename,
        parsing_limits(),
        timeout_s=settings.MORPHEUS_PARSE_TIMEOUT_S,
        progress=progress,
        check=check,
    )


def _source(file: File) -> Path | BytesIO:
    """Return what a child process can read: the path of a file that was received, or its bytes."""
    if isinstance(file, TemporaryUploadedFile):
        return Path(file.temporary_file_path())
    file.seek(0)
    data = file.read(settings.MORPHEUS_MAX_UPLOAD_BYTES + 1)
    file.seek(0)
    return BytesIO(data)


def _bounded(function: Callable[..., T], *args: object, timeout_s: int, **callbacks: Any) -> T:
    limits = JobLimits(
        cpu_s=timeout_s, wall_s=timeout_s, memory_bytes=settings.MORPHEUS_SANDBOX_MEMORY_BYTES
    )
    try:
        return run(function, *args, limits=limits, **callbacks)
    except TimeLimit as error:
        raise ParseError(
            "too_costly",
            f"The file takes more than {timeout_s} s to read. Split it into several files, or "
            "save it as plain text.",
        ) from error
    except MemoryLimit as error:
        raise ParseError(
            "too_costly",
            "The file needs more memory to read than one file may have. Split it into several "
            "files, or save it as plain text.",
        ) from error
    except Crashed as error:
        logger.error("A file ended its reader: %s", error)
        raise ParseError(
            "too_costly", "The file cannot be read. Save the novel anew, as plain text or EPUB."
        ) from error
