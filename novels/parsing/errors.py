"""The one error of this package."""

from __future__ import annotations

from typing import Literal

ErrorCode = Literal[
    "empty",
    "binary",
    "too_large",
    "too_costly",
    "zip_bomb",
    "bad_zip",
    "path_traversal",
    "drm",
    "bad_xml",
    "bad_epub",
    "unsupported",
]


class ParseError(ValueError):
    """A file that is refused; the message tells its uploader why and what to do.

    Attributes:
        code: A stable word for programs.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.code: ErrorCode = code

    def __reduce__(self) -> tuple[type[ParseError], tuple[ErrorCode, str]]:
        """Keep the code when the error crosses a process."""
        return type(self), (self.code, self.message)
