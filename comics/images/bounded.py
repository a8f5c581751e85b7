"""Pictures are decoded in child processes, with limits, a few at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from comics.images.decoding import ImageRefused, Picture, broken, picture_read
from comics.images.renditions import rendition_encode
from morpheus.http.bulkhead import Bulkhead
from morpheus.sandbox import Crashed, JobLimits, MemoryLimit, TimeLimit, run

logger = logging.getLogger(__name__)

# Decoding keeps a core busy. Two at a time, and of 16 threads three wait; the next gets 503.
# morpheus.serving.request_bulkheads has the other shares.
DECODING = Bulkhead(2, most_waiting=max(1, settings.MORPHEUS_THREADS * 3 // 16), patience_s=4.0)


def picture_check(data: bytes) -> Picture:
    """Return what to keep of an upload, decoded to the last pixel; no transaction may be open.

    Raises:
        ImageRefused: It is not a picture that is kept here, or costs too much to decode.
        Busy: Other pictures are decoded.
    """
    if len(data) > settings.MORPHEUS_MAX_IMAGE_BYTES:
        raise ImageRefused(
            f"At most {settings.MORPHEUS_MAX_IMAGE_BYTES // 1024**2} MB are accepted."
        )
    return _bounded(picture_read, data)


def rendition_check(path: Path, size: str) -> Picture:
    """Return the smaller copy of the image at `path`.

    Raises:
        FileNotFoundError: The image is gone.
        ImageRefused: It costs too much to decode; it was kept before that was looked at.
        Busy: Other pictures are decoded.
    """
    return _bounded(rendition_encode, path, size)


def _bounded(function: Callable[..., Picture], *args: object) -> Picture:
    limits = JobLimits(
        cpu_s=settings.MORPHEUS_PICTURE_TIMEOUT_S,
        wall_s=settings.MORPHEUS_PICTURE_TIMEOUT_S,
        memory_bytes=settings.MORPHEUS_SANDBOX_MEMORY_BYTES,
    )
    with DECODING.hold():
        try:
            return run(function, *args, limits=limits)
        except TimeLimit as error:
            raise ImageRefused(
                f"This picture takes more than {settings.MORPHEUS_PICTURE_TIMEOUT_S} s to decode. "
                "Save it anew with another program, or make it smaller."
            ) from error
        except MemoryLimit as error:
            raise ImageRefused(
                "This picture needs too much memory to decode. Make it smaller."
            ) from error
        except Crashed as error:
            logger.error("A picture ended its decoder: %s", error)
            raise broken() from error
