"""Multipart forms with a file, as clients send them. Plain data, as `example_catalogue`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_BOUNDARY = "morpheus-example"
FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"


class Upload(NamedTuple):
    """A file in a multipart form: the name of the form field, the file name and the content."""

    field: str
    filename: str
    content: bytes


def encode_form(upload: Upload, fields: Mapping[str, object]) -> bytes:
    """Return the body of a multipart form."""
    parts = [f'name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'name="{upload.field}"; filename="{upload.filename}"\r\n\r\n'
    parts.append(head.encode() + upload.content + b"\r\n")
    opening = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    return b"".join(opening + part for part in parts) + f"--{_BOUNDARY}--\r\n".encode()
