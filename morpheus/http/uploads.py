"""Receiving files: straight to disk, and no longer than they may be."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler

# What a form may hold beside its file: other fields and the boundaries between them.
FORM_BYTES = 64 * 1024
# Many clients read an answer only when their body is sent. A body of up to this many times the
# limit is read and thrown away, so that they learn why it was refused; a longer one is cut off.
PATIENCE = 4

_CHUNK_BYTES = 64 * 1024


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """Refuse a body that cannot hold an allowed file before any of it is kept.

    The server reads no more than `Content-Length` says, so this bounds what is received.
    """

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        limit: int = settings.MAX_UPLOAD_BYTES
        if content_length <= limit + FORM_BYTES:
            return
        if content_length <= PATIENCE * limit:
            while input_data.read(_CHUNK_BYTES):
                pass
        size = limit // (1024 * 1024)
        raise RequestDataTooBig(f"The file is larger than {size} MB. Upload a smaller one.")
