"""The ZIP file of an EPUB, with limits on everything that is read."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import zipfile
import zlib
from typing import Final
from urllib.parse import unquote

from novels.parsing.errors import ParseError
from novels.parsing.limits import Limits

_DIRECTORY_ENTRY: Final = b"PK\x01\x02"
_CHUNK_BYTES: Final = 256 * 1024
_ENCRYPTED_FLAG: Final = 0x1
_DRIVE: Final = re.compile(r"[A-Za-z]:")


class Archive:
    """Files of an EPUB by name; everything read is bounded by the limits.

    Raises:
        ParseError: Not a ZIP, a bomb, or names that lead out of the archive.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        self._text_bytes = 0
        # Counted before zipfile creates an object per entry: a million entries fit in 25 MB.
        if data.count(_DIRECTORY_ENTRY) > limits.max_entries:
            raise _bomb(f"it has more than {limits.max_entries} files")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
            raise _broken() from error
        entries = self._zip.infolist()
        for entry in entries:
            _check_entry(entry, limits)
        if sum(entry.file_size for entry in entries) > limits.max_total_bytes:
            raise _bomb(f"it unpacks to more than {limits.max_total_bytes // 1024**2} MB")
        self._entries = {entry.filename: entry for entry in entries}
        self._lower = {entry.filename.lower(): entry.filename for entry in entries}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def find(self, name: str) -> str | None:
        """Return the entry of that name, ignoring case if there is no exact match."""
        return name if name in self._entries else self._lower.get(name.lower())

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """Return a file, at most `max_bytes`; the sizes in the ZIP directory are not trusted."""
        try:
            with self._zip.open(self._entries[name]) as file:
                chunks: list[bytes] = []
                size = 0
                while chunk := file.read(_CHUNK_BYTES):
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > max_bytes:
                        raise _bomb(f"its file {name[:80]!r} is too large")
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
            if isinstance(error, ParseError):
                raise
            raise _broken() from error
        except (RuntimeError, NotImplementedError) as error:
            raise _broken() from error
        return b"".join(chunks)

    def read_text_file(self, name: str) -> bytes:
        """Return a text document; all of them together are bounded."""
        data = self.read(name, max_bytes=self._limits.max_text_bytes - self._text_bytes)
        self._text_bytes += len(data)
        return data


def resolve(base: str, href: str) -> str:
    """Return the archive name that a link in the file `base` means, without its fragment.

    Raises:
        ParseError: The link leads out of the archive.
    """
    path = unquote(href.partition("#")[0])
    name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path)) if path else base
    if name.startswith(("/", "../")) or name == ".." or "\\" in name:
        raise _traversal(href)
    return name


def _check_entry(entry: zipfile.ZipInfo, limits: Limits) -> None:
    # zipfile cuts `filename` at a zero byte, so compare the original.
    name = entry.orig_filename
    if name.startswith("/") or "\\" in name or "\0" in name or _DRIVE.match(name):
        raise _traversal(name)
    if ".." in name.split("/"):
        raise _traversal(name)
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ParseError(
            "path_traversal", "The EPUB holds a symbolic link. Export it again without links."
        )
    if entry.flag_bits & _ENCRYPTED_FLAG:
        raise ParseError("drm", "The EPUB has a password. Upload a copy without one.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _broken()
    too_dense = entry.file_size > max(1, entry.compress_size) * limits.max_ratio
    if too_dense and entry.file_size > limits.ratio_floor_bytes:
        raise _bomb("it unpacks to far more than its size")


def _bomb(why: str) -> ParseError:
    return ParseError(
        "zip_bomb", f"The EPUB is refused because {why}. Export it again or leave out pictures."
    )


def _broken() -> ParseError:
    return ParseError("bad_zip", "The EPUB is damaged. Download or export it again.")


def _traversal(name: str) -> ParseError:
    return ParseError(
        "path_traversal",
        f"The EPUB names a file outside of itself ({name[:80]!r}). Export it again.",
    )
