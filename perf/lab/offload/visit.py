"""One request as the sequence knows it, before anything has been answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from perf.seeding.chance import Draw

from .subjects import Subjects

API = "/api/v1"
JSON_TYPE = "application/json"
BOUNDARY = "morpheus-offload"
# What the worker's process does, in place of an HTTP method (`perf.lab.offload.steps`).
WORKER = "WORKER"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        path: May name what an earlier answer to the same visitor said: `{novel}`, `{comic}`.
        reader: Whose token is sent; None: nobody's.
        listing: Name of the list that is read, whose next page is remembered.
        goes_on: Read the page after the visitor's last one of that list, if there is one.
        keeps: The name under which the id in the answer is remembered.
        is_write: Whether it changes something.
        revalidates: Whether the entity tag of an earlier answer is sent, if there was one.
    """

    method: str
    path: str
    reader: int | None = None
    body: bytes = b""
    content_type: str = ""
    listing: str = ""
    goes_on: bool = False
    keeps: str = ""
    name: str = ""
    is_write: bool = False
    revalidates: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request is made of.

    Attributes:
        member: Id of the user who asks; None: a stranger.
        visitor: Number of the client's thread.
        turn: How many requests of this kind the visitor has made.
    """

    of: Subjects
    draw: Draw
    member: int | None
    visitor: int
    turn: int

    def get(self, path: str, *, reader: int | None = None, **fields: Any) -> Request:
        """Return a GET of a path below the API's root."""
        return Request("GET", API + path, reader or self.member, **fields)

    def change(self, path: str, reader: int, **fields: object) -> Request:
        """Return a PATCH of JSON fields."""
        return Request("PATCH", API + path, reader, json.dumps(fields).encode(), JSON_TYPE)


def form(file: tuple[str, str, bytes], **fields: str) -> dict[str, Any]:
    """Return body and content type of a multipart form; `file` is field, name and bytes."""
    field, filename, data = file
    parts = [f'name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    parts.append(f'name="{field}"; filename="{filename}"\r\n\r\n'.encode() + data + b"\r\n")
    opening = f"--{BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(opening + part for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    return {"body": body, "content_type": f"multipart/form-data; boundary={BOUNDARY}"}
