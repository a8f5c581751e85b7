"""The ZIP file of an EPUB: names as they are in the wild, limits on everything that is read."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from novels.parsing.model import Limits, ParseError

_DIRECTORY_ENTRY: Final = b"PK\x01\x02"
_ENCRYPTED_FLAG: Final = 0x1
_UTF8_FLAG: Final = 0x800
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# Names without the flag for UTF-8 are in the code page of the system that made the archive.
_NAME_ENCODINGS: Final = ("utf-8", "cp1252", "cp866", "cp1251", "cp932", "gbk", "big5", "euc-kr")
CONTAINER: Final = "META-INF/container.xml"
# What zipfile raises for broken archives; RuntimeError is the base of NotImplementedError.
_DAMAGES: Final = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError)


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
        except _DAMAGES as error:
            raise _broken() from error
        entries = self._zip.infolist()
        for entry in entries:
            _check_entry(entry, limits)
        if sum(entry.file_size for entry in entries) > limits.max_total_bytes:
            raise _bomb(f"it unpacks to more than {limits.max_total_bytes // 1024**2} MB")
        names = (entry.filename.replace("\\", "/").removeprefix("./") for entry in entries)
        self._entries = dict(zip(names, entries, strict=True))
        folder = _enclosing_folder(self._entries)
        if folder:
            inside = [name for name in self._entries if name.startswith(folder)]
            self._entries = {name[len(folder) :]: self._entries[name] for name in inside}
        # In any letter case and Unicode form; of several the first.
        self._alike: dict[str, str] = {}
        for name, entry in self._entries.items():
            for spelling in _spellings(name, entry, folder):
                self._alike.setdefault(_fold(spelling), name)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def find(self, name: str) -> str | None:
        """Return the entry of that name, in another spelling if there is no exact match."""
        return name if name in self._entries else self._alike.get(_fold(name))

    def read(self, name: str) -> bytes:
        """Return a package file."""
        return self._read(name, self._limits.max_xml_bytes)

    def read_text_file(self, name: str) -> bytes:
        """Return a text document; all of them together are bounded."""
        left = self._limits.max_text_bytes - self._text_bytes
        if self._entries[name].file_size > left:
            raise _bomb(f"its texts have more than {self._limits.max_text_bytes // 1024**2} MB")
        data = self._read(name, left)
        self._text_bytes += len(data)
        return data

    def _read(self, name: str, max_bytes: int) -> bytes:
        """Return a file; the sizes in the ZIP directory are not trusted."""
        try:
            with self._zip.open(self._entries[name]) as file:
                data = file.read(max_bytes + 1)
        except _DAMAGES as error:
            raise _broken() from error
        if len(data) > max_bytes:
            raise _bomb(f"its file {name[:80]!r} is too large")
        return data


def resolve(base: str, href: str) -> str:
    """Return the archive name that a link in the file `base` means, without its fragment.

    Raises:
        ParseError: The link leads out of the archive.
    """
    path = unquote(href.partition("#")[0]).strip().replace("\\", "/")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path)) if path else base
    if name.startswith(("/", "../")) or name == ".." or _DRIVE.match(name):
        raise _traversal(href)
    return name


def _enclosing_folder(names: dict[str, zipfile.ZipInfo]) -> str:
    """Return the folder that holds the whole book, empty in a proper EPUB."""
    if CONTAINER in names:
        return ""
    candidates = [name for name in names if name.endswith(f"/{CONTAINER}")]
    return min(candidates, key=len).removesuffix(CONTAINER) if candidates else ""


def _spellings(name: str, entry: zipfile.ZipInfo, folder: str) -> Iterator[str]:
    """Yield a name as it is, and as read in other encodings if the archive does not say which."""
    yield name
    if entry.flag_bits & _UTF8_FLAG or name.isascii():
        return
    raw = name.encode("cp437", "replace")
    for encoding in _NAME_ENCODINGS:
        try:
            yield raw.decode(encoding)
        except UnicodeDecodeError:
            continue


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _check_entry(entry: zipfile.ZipInfo, limits: Limits) -> None:
    # zipfile cuts `filename` at a zero byte, so compare the original.
    name = entry.orig_filename.replace("\\", "/")
    if name.startswith("/") or "\0" in name or _DRIVE.match(name):
        raise _traversal(name)
    if ".." in name.split("/"):
        raise _traversal(name)
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ParseError(
            "path_traversal", "The EPUB holds a symbolic link. Export it again without links."
        )
    if entry.flag_bits & _ENCRYPTED_FLAG:
        raise ParseError("drm", "The EPUB has a password. Upload a copy without one.")
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
