"""Refusals of services, and the responses that they become; services import no DRF."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class DomainError(Exception):
    """A service refuses a request; the message is for the client.

    Attributes:
        status: Of the response.
        code: Of the problem, in `morpheus.http.problem_codes`; that of an error of a field, in
            `morpheus.http.violation_codes`.
        field: The input field that is wrong, if the status is 400.
        extra: Further members of the problem response.
    """

    status = HTTPStatus.BAD_REQUEST
    code = "invalid"
    field: str | None = None

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.extra = extra
