"""How request bodies are received: JSON, and files that go straight to disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from rest_framework import parsers
from rest_framework.exceptions import ParseError

# Space for the other fields of a form and the boundaries between them.
FORM_BYTES = 64 * 1024
# Many clients read a response only after they sent the whole body. A body of up to this many times
# the limit is read and discarded, so that they learn the reason. The server cuts off a longer one.
DISCARD_FACTOR = 4

# In `request.META`; `morpheus.api.idempotency` says what it does.
IDEMPOTENCY_KEY = "HTTP_IDEMPOTENCY_KEY"

_CHUNK_BYTES = 64 * 1024


class JSONParser(parsers.JSONParser):
    """DRF's parser, without the three kinds of body that make it respond 500."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # JSON is UTF-8 (RFC 8259). A `charset` may name any codec of Python, even a compression.
        context = {**(parser_context or {}), "encoding": "utf-8"}
        try:
            data = super().parse(stream, media_type, context)
            # Half a surrogate pair (`"\ud800"`) cannot be stored, hashed or shown in an error.
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise ParseError("JSON parse error - half of a surrogate pair.") from error
        return data


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """Refuse a body that cannot hold an allowed file before a byte is stored.

    The server reads no more than `Content-Length` says, so this bounds what it receives. The files
    of a request with an `Idempotency-Key` get a digest as they arrive: their attribute `sha256`.
    """

    _digest: Any = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        is_repeatable = self.request is not None and IDEMPOTENCY_KEY in self.request.META
        self._digest = sha256() if is_repeatable else None

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        super().receive_data_chunk(raw_data, start)
        if self._digest is not None:
            self._digest.update(raw_data)

    def file_complete(self, file_size: int) -> Any:
        file: Any = super().file_complete(file_size)
        if self._digest is not None:
            file.sha256 = self._digest.hexdigest()
        return file

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        limit: int = settings.MORPHEUS_MAX_UPLOAD_BYTES
        if content_length <= limit + FORM_BYTES:
            return
        if content_length <= DISCARD_FACTOR * limit:
            while input_data.read(_CHUNK_BYTES):
                pass
        size = limit // (1024 * 1024)
        raise RequestDataTooBig(f"The file is larger than {size} MB. Upload a smaller one.")
