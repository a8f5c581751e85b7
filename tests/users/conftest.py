"""What tests of logging in start from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from morpheus.worker.loop import Worker
from tests.conftest import PASSWORD

TOKEN = "/api/v1/auth/token/"
LOGIN = "/api/v1/auth/login/"
LOGOUT = "/api/v1/auth/logout/"
USERS = "/api/v1/users/"
ME = "/api/v1/users/me/"


MailOutbox = list[Any]


def run_tasks() -> None:
    """Run the queued tasks, as the worker does."""
    Worker(interval_s=0.01).drain()


def token_of_mail(mail: Any) -> str:
    """Return the token in a mail without links."""
    match = re.search(r"^([\w:-]{20,})$", mail.body, re.MULTILINE)
    assert match, mail.body
    return match[1]


@pytest.fixture
def browser() -> APIClient:
    """A client that keeps cookies and is checked for CSRF, as a browser is."""
    return APIClient(enforce_csrf_checks=True)


@pytest.fixture
def log_in(browser: APIClient) -> Callable[..., Any]:
    """Log the browser in by session; return the response."""

    def log_in(user: Any, password: str = PASSWORD) -> Any:
        return browser.post(LOGIN, {"email": user.email, "password": password})

    return log_in
