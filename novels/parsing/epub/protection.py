"""Copy protection: an encrypted text cannot be read and is refused."""

from __future__ import annotations

from typing import Final

from novels.parsing.epub.archive import Archive
from novels.parsing.epub.xml import attribute, elements, parse_xml
from novels.parsing.errors import ParseError
from novels.parsing.limits import Limits

# Obfuscated fonts do not protect the text.
_FONT_METHODS: Final = frozenset(
    {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
)
# Licences of Readium LCP and Apple FairPlay. Adobe's rights.xml also remains in books whose
# protection was removed, or that were sold without: there encryption.xml tells.
_LICENCES: Final = ("META-INF/license.lcpl", "META-INF/sinf.xml")
# Pictures and sounds alone may be encrypted: the text can be read.
_NO_TEXT: Final = tuple(
    ".jpg .jpeg .png .gif .webp .mp3 .mp4 .m4a .ogg .otf .ttf .woff .css".split()
)
_ENCRYPTION: Final = "META-INF/encryption.xml"


def refuse_protected(archive: Archive, limits: Limits) -> None:
    """Refuse a book with DRM; embedded fonts may be obfuscated.

    Raises:
        ParseError: Protected, or the list of encrypted files is broken.
    """
    if any(archive.find(name) for name in _LICENCES):
        raise _protection_error()
    name = archive.find(_ENCRYPTION)
    if name is None:
        return
    root = parse_xml(archive.read(name, max_bytes=limits.max_xml_bytes), name)
    for data in elements(root, "EncryptedData"):
        methods = [
            attribute(element, "Algorithm") for element in elements(data, "EncryptionMethod")
        ]
        is_font = bool(methods) and all(method in _FONT_METHODS for method in methods)
        files = [attribute(file, "URI").lower() for file in elements(data, "CipherReference")]
        if not is_font and not (files and all(file.endswith(_NO_TEXT) for file in files)):
            raise _protection_error()


def _protection_error() -> ParseError:
    return ParseError(
        "drm", "The EPUB is copy-protected (DRM) and cannot be read. Upload an unprotected copy."
    )
