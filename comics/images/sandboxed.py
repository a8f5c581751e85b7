"""Decode pictures in child processes, with limits, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from django.conf import settings

from comics.images.decoding import Picture, broken, picture_read
from comics.images.renditions import rendition_encode
from comics.images.structure import ImageRefused
from morpheus.http.bulkhead import Bulkhead
from morpheus.sandbox import JobLimits, run_or_refuse


@cache
def decoding_bulkhead() -> Bulkhead:
    """Return the bulkhead of decoding, made at the first use.

    Decoding keeps a core busy. Two threads decode, and of 16 threads three wait; the next gets 503.
    morpheus.serving.request_bulkheads has the other shares. Children of the sandbox import this
    package without Django's settings, so nothing reads them at import.
    """
    return Bulkhead(2, most_waiting=max(1, settings.MORPHEUS_THREADS * 3 // 16), patience_s=4.0)


def picture_check(data: bytes) -> Picture:
    """Decode an upload to the last pixel; return the file to store. No transaction may be open.

    Raises:
        ImageRefused: It is no accepted picture, or costs too much to decode.
        Busy: Other pictures are being decoded.
    """
    if len(data) > settings.MORPHEUS_MAX_IMAGE_BYTES:
        raise ImageRefused(
            f"At most {settings.MORPHEUS_MAX_IMAGE_BYTES // 1024**2} MB are accepted."
        )
    return _decode(picture_read, data)


def rendition_check(path: Path, size: str) -> Picture:
    """Return the smaller copy of the image at `path`.

    Raises:
        FileNotFoundError: The image is gone.
        ImageRefused: It costs too much to decode; an older version accepted it.
        Busy: Other pictures are being decoded.
    """
    return _decode(rendition_encode, path, size)


def _decode(function: Callable[..., Picture], *args: object) -> Picture:
    seconds = settings.MORPHEUS_PICTURE_TIMEOUT_S
    with decoding_bulkhead().hold():
        return run_or_refuse(
            function,
            *args,
            limits=JobLimits(
                cpu_s=seconds, wall_s=seconds, memory_bytes=settings.MORPHEUS_SANDBOX_MEMORY_BYTES
            ),
            too_slow=ImageRefused(
                f"This picture takes more than {seconds} s to decode. "
                "Save it anew with another program, or make it smaller."
            ),
            too_large=ImageRefused(
                "This picture needs too much memory to decode. Make it smaller."
            ),
            unreadable=broken(),
        )
