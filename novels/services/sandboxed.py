"""Read uploaded files in child processes, with limits.

Both functions have the arguments and exceptions of their namesakes in `novels.parsing`. They also
refuse a file that exceeds the limits or ends its reader.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile

from morpheus.http.bulkhead import Bulkhead
from morpheus.sandbox import JobLimits, run_or_refuse
from novels import parsing
from novels.parsing import FileFormat, Limits, ParsedNovel, ParseError

T = TypeVar("T")

# A check takes some 0.1 s, but a hostile file can take all its time: such files hold two threads of
# the server, and the next uploads are refused (503) after a few seconds.
CHECKING = Bulkhead(2, most_waiting=2, patience_s=4.0)


def check_upload(file: File[Any], filename: str) -> FileFormat:
    """Refuse a file that can never be parsed; the client waits, so no transaction may be open.

    Raises:
        ParseError: The file is refused.
        Busy: Other files are being checked.
    """
    with CHECKING.hold():
        return _read(
            parsing.check_upload,
            _source(file),
            filename,
            timeout_s=settings.MORPHEUS_UPLOAD_CHECK_TIMEOUT_S,
        )


def parse_novel(
    file: File[Any] | Path,
    filename: str,
    *,
    progress: Callable[[str, int], None] | None = None,
    check: Callable[[], None] | None = None,
) -> ParsedNovel:
    """Return the novel in a file; `check` is called twice a second and stops the parse by raising.

    Raises:
        ParseError: The file is refused.
        FileNotFoundError: It is gone.
    """
    return _read(
        parsing.parse_novel,
        file if isinstance(file, Path) else _source(file),
        filename,
        timeout_s=settings.MORPHEUS_PARSE_TIMEOUT_S,
        progress=progress,
        check=check,
    )


def _source(file: File[Any]) -> Path | BytesIO:
    """Return the path of a received file, or its bytes: a child process can read either."""
    if isinstance(file, TemporaryUploadedFile):
        return Path(file.temporary_file_path())
    file.seek(0)
    data = file.read(settings.MORPHEUS_MAX_UPLOAD_BYTES + 1)
    file.seek(0)
    return BytesIO(data)


def _read(function: Callable[..., T], *args: object, timeout_s: int, **callbacks: Any) -> T:
    return run_or_refuse(
        function,
        *args,
        Limits(max_file_bytes=settings.MORPHEUS_MAX_UPLOAD_BYTES),
        limits=JobLimits(
            cpu_s=timeout_s, wall_s=timeout_s, memory_bytes=settings.MORPHEUS_SANDBOX_MEMORY_BYTES
        ),
        too_slow=ParseError(
            "too_costly",
            f"The file takes more than {timeout_s} s to read. Split it into several files, or "
            "save it as plain text.",
        ),
        too_large=ParseError(
            "too_costly",
            "The file needs more memory to read than one file may have. Split it into several "
            "files, or save it as plain text.",
        ),
        unreadable=ParseError(
            "too_costly", "The file cannot be read. Save the novel anew, as plain text or EPUB."
        ),
        **callbacks,
    )
