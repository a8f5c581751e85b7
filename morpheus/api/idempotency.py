"""`Idempotency-Key`: a POST that is sent again gets the first response, and writes nothing.

The response is stored by the transaction of the write. So either both are committed or neither, and
no crash leaves a key without its response. A transaction-level advisory lock of the key shows that
another request is at work; it ends with its transaction, whatever happens to the server.

A refusal writes nothing and is not stored: a corrected request can have the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.core.files import File
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.conditions import render
from morpheus.api.domain_errors import DomainError
from morpheus.api.models import IdempotentResponse
from morpheus.db.transactions import read_transaction, write_transaction
from morpheus.http.request_bodies import IDEMPOTENCY_KEY
from morpheus.worker.housekeeping import delete_in_batches

TTL = timedelta(hours=24)

# Printable ASCII; a structured string has quotes (RFC 9651), which do not belong to the key.
_KEY = re.compile(r'"?([\x20\x21\x23-\x7e]{1,255})"?')

REPLAYED = "Idempotency-Replayed"


class KeyInUse(APIException):
    """409: a request with this key is being handled."""

    status_code = HTTPStatus.CONFLICT
    default_code = "idempotency_key_in_use"
    default_detail = "A request with this Idempotency-Key is being handled. Try again shortly."
    wait = 1


class KeyReused(APIException):
    """422: the key belongs to another request."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was sent with another request. Use a new key."


class Replayed(Exception):
    """Ends a request whose response is stored: nothing is written."""

    def __init__(self, stored: IdempotentResponse) -> None:
        super().__init__("The response is stored.")
        headers = stored.headers | {REPLAYED: "true"}
        self.response = HttpResponse(bytes(stored.body), status=stored.status, headers=headers)


class RepeatablePost:
    """One POST of a user with an `Idempotency-Key`.

    Raises:
        ParseError: The key is malformed.
    """

    def __init__(self, request: Request) -> None:
        match = _KEY.fullmatch(request.META[IDEMPOTENCY_KEY])
        if match is None:
            raise ParseError(
                "Idempotency-Key: give 1 to 255 printable characters.", "idempotency_key_malformed"
            )
        self._request = request
        user: Any = request.user
        self._user_id: int = user.pk
        self._key = _digest(match[1])
        self._lock = lock_name(self._user_id, match[1])

    def handle_in_transaction(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return a handler that runs in the transaction of its write, and stores its response."""

        def handle(*args: Any, **kwargs: Any) -> Any:
            self.begin()
            return self.keep(handler(*args, **kwargs))

        return handle

    def handle_files(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return a handler that opens its transaction itself, by `writing`, after the files.

        A stored response is sent before they are processed. If the handler fails, a request with
        the same key may have finished meanwhile: the file that it stored makes this one fail.
        """

        def handle(*args: Any, **kwargs: Any) -> Any:
            self._replay_stored()
            try:
                return handler(*args, **kwargs)
            except (APIException, DomainError):
                self._replay_stored()
                raise

        return handle

    def begin(self) -> None:
        """Take the lock of the key, which ends with the transaction.

        Raises:
            Replayed: The response is stored.
            KeyInUse: Another transaction has the lock.
            KeyReused: The stored response is to another request.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [self._lock]
            )
            [is_locked] = cursor.fetchone()
        if not is_locked:
            raise KeyInUse
        # A statement of its own: its snapshot is later than the commit that freed the lock.
        self._replay()

    def keep(self, response: Response) -> Response:
        """Store a response of success in the transaction of its write."""
        if response.status_code < HTTPStatus.BAD_REQUEST:
            body = b"" if response.data is None else render(response.data)
            # It is not rendered yet, and has the type of a page.
            headers = dict(response.headers.items()) | {"Content-Type": "application/json"}
            IdempotentResponse.objects.bulk_create(
                [
                    IdempotentResponse(
                        user_id=self._user_id,
                        key=self._key,
                        fingerprint=self._fingerprint(),
                        status=response.status_code,
                        headers=headers,
                        body=body,
                    )
                ],
                # An expired response, which housekeeping has not deleted yet.
                update_conflicts=True,
                unique_fields=["user", "key"],
                update_fields=["fingerprint", "status", "headers", "body", "created_at"],
            )
        return response

    def _replay_stored(self) -> None:
        with read_transaction(as_user=self._user_id):
            self._replay()

    def _replay(self) -> None:
        rows = IdempotentResponse.objects.filter(
            user_id=self._user_id, key=self._key, created_at__gt=timezone.now() - TTL
        )
        if (stored := rows.first()) is not None:
            if bytes(stored.fingerprint) != self._fingerprint():
                raise KeyReused
            raise Replayed(stored)

    def _fingerprint(self) -> bytes:
        """Return a digest of method, path and fields.

        Of a form not its bytes: clients choose another boundary each time.
        """
        data = self._request.data
        if hasattr(data, "lists"):
            data = {name: [_describe(value) for value in values] for name, values in data.lists()}
        parts = [self._request.method, self._request.path, data]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def repeatable_post(request: Request) -> RepeatablePost | None:
    """Return the POST of a request with an `Idempotency-Key`; None for other requests."""
    has_key = request.method == "POST" and IDEMPOTENCY_KEY in request.META
    return RepeatablePost(request) if has_key else None


@contextmanager
def writing(post: RepeatablePost | None, user_id: int) -> Iterator[Callable[[Response], Response]]:
    """Open the write transaction of a POST with files; yield what stores its response.

    Raises:
        Replayed, KeyInUse, KeyReused: As `RepeatablePost.begin`.
    """
    with write_transaction(as_user=user_id):
        if post is None:
            yield lambda response: response
        else:
            post.begin()
            yield post.keep


def lock_name(user_id: int, key: str) -> str:
    """Return the name of the advisory lock of a user's key."""
    return f"morpheus idempotency {user_id} {_digest(key).hex()}"


def delete_expired() -> int:
    """Delete the responses of all users that are older than `TTL`; return how many."""
    expired = IdempotentResponse.objects.filter(created_at__lte=timezone.now() - TTL)
    return delete_in_batches(expired)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _describe(value: Any) -> Any:
    """Return a value of a form; of a file, its name and the digest of its content."""
    if not isinstance(value, File):
        return value
    digest = getattr(value, "sha256", None)  # The upload handler computed it.
    if digest is None:
        value.seek(0)
        digest = hashlib.file_digest(value, "sha256").hexdigest()
        value.seek(0)
    return [value.name, digest]
