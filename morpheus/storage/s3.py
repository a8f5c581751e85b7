"""S3, or another store with its protocol, by django-storages; needs the dependency group `s3`.

A request to the store never waits inside of a transaction and keeps no database connection from
others. It fails with StorageUnavailable within about 15 s without a response, or after 20 s of one.
"""

from __future__ import annotations

import logging
import posixpath
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files import File
from django.db import connections
from storages.backends.s3 import S3Storage

from morpheus.http.bulkhead import Bulkhead
from morpheus.storage.files import StorageUnavailable

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 5
ATTEMPTS = 2
# 20 MB at a twentieth of the usual speed.
TRANSFER_TIMEOUT_S = 20.0
_PIECE_BYTES = 256 * 1024
# Larger objects, while they are sent to a client, are in a temporary file.
_MEMORY_BYTES = 1024 * 1024
# Uploads are smaller: each is one request, without threads.
_ONE_PART = TransferConfig(multipart_threshold=1024**3, use_threads=False)
# The most that one request deletes.
_DELETED_TOGETHER = 1000
_MISSING = ("NoSuchKey", "404")


@cache
def _waiting() -> Bulkhead:
    """Return the bulkhead of requests to the store, so that a slow one leaves threads for reads.

    Of 16 threads three work and four wait, because a page shows several pictures at once.
    """
    threads = settings.MORPHEUS_THREADS
    return Bulkhead(max(1, threads * 3 // 16), most_waiting=max(1, threads // 4), patience_s=4.0)


class ObjectStorage(S3Storage):  # type: ignore[misc]
    """The objects below one folder of a bucket. Their names are never used again."""

    def __init__(self, **options: Any) -> None:
        # A store of its own address rarely has a host name for each bucket.
        style = "path" if options.get("endpoint_url") else "auto"
        super().__init__(
            client_config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                max_pool_connections=settings.MORPHEUS_THREADS,
                signature_version="s3v4",
                s3={"addressing_style": style},
            ),
            transfer_config=_ONE_PART,
            **options,
        )

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Return a copy of the whole object, by one request: its reader never waits for the store.

        django-storages would send three, two of them later.
        """
        copy = SpooledTemporaryFile(max_size=_MEMORY_BYTES, dir=settings.FILE_UPLOAD_TEMP_DIR)
        try:
            with _request(name):
                stored = self._client.get_object(Bucket=self.bucket_name, Key=self._key(name))
                with closing(stored["Body"]) as body:
                    _receive(body, copy)
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return File(copy, name)

    def _save(self, name: str, content: File[Any]) -> str:
        with _request(name):
            saved: str = super()._save(name, content)
        return saved

    def sign_url(self, name: str, *, ttl_s: int, **headers: str) -> str:
        """Return an address by which anybody can read an object for some time.

        Not `url`, for which django-storages makes a client of 13 MB in each thread.

        Args:
            headers: Of the store's response, for example `ResponseContentType`.
        """
        values = {"Bucket": self.bucket_name, "Key": self._key(name), **headers}
        with _request(name):
            signed: str = self._client.generate_presigned_url(
                "get_object", Params=values, ExpiresIn=ttl_s
            )
        return signed

    def delete(self, name: str) -> None:
        with _request(name):
            super().delete(name)

    def delete_together(self, names: list[str]) -> None:
        """Delete objects by few requests."""
        for first in range(0, len(names), _DELETED_TOGETHER):
            part = names[first : first + _DELETED_TOGETHER]
            objects = [{"Key": self._key(name)} for name in part]
            with _request(part[0]):
                outcome = self._client.delete_objects(
                    Bucket=self.bucket_name, Delete={"Objects": objects, "Quiet": True}
                )
            if errors := outcome.get("Errors"):
                raise StorageUnavailable(f"{len(errors)} objects were not deleted: {errors[0]}")

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _request(path):
            listed: tuple[list[str], list[str]] = super().listdir(path)
        return listed

    def get_modified_time(self, name: str) -> datetime:
        with _request(name):
            modified: datetime = super().get_modified_time(name)
        return modified

    @property
    def _client(self) -> Any:
        """The client that all threads share."""
        return self.bucket.meta.client

    def _key(self, name: str) -> str:
        return posixpath.join(self.location, name)


def _receive(body: Any, copy: IO[bytes]) -> None:
    """Copy the body of a response, if it arrives in time."""
    deadline = time.monotonic() + TRANSFER_TIMEOUT_S
    for piece in body.iter_chunks(_PIECE_BYTES):
        copy.write(piece)
        if time.monotonic() > deadline:
            raise StorageUnavailable(f"An object takes more than {TRANSFER_TIMEOUT_S} s.")


@contextmanager
def _request(name: str) -> Iterator[None]:
    """Run a request to the store, without a database connection; translate its errors.

    Raises:
        RuntimeError: A transaction is open, and would wait.
        FileNotFoundError: There is no such object.
        StorageUnavailable: Any other failure.
        Busy: Too many other threads wait for the store.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            raise RuntimeError("A request to the object store would wait inside a transaction.")
        connection.close()  # Its pool gives it to others.
    try:
        with _waiting().hold():
            yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _MISSING:
            raise FileNotFoundError(f"There is no object {name}.") from error
        logger.error("The object store failed: %s", error)
        raise StorageUnavailable(f"The object store failed: {error}") from error
