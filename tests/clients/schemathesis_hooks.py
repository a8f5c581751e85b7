"""Hooks of schemathesis: the caller, ids of rows that exist, and refusals that no schema has."""

from __future__ import annotations

import json
import os
from typing import Any

import requests
import schemathesis
from schemathesis import HookContext
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

URL = os.environ["MORPHEUS_URL"]
# Credentials as JSON; empty for an anonymous run.
CREDENTIALS = os.environ.get("MORPHEUS_CREDENTIALS", "")
# Ids of rows by the names of parameters.
IDS: dict[str, int] = json.loads(os.environ["MORPHEUS_IDS"])

# Codes of valid requests that are refused for a reason outside of the schema.
REASONS = {
    "unserved_combination": "filters that no index serves together",
    **dict.fromkeys(("page_with_cursor", "page_too_deep"), "parameters that exclude each other"),
    **dict.fromkeys(("unknown_name", "repeated"), "names in a list with commas"),
    "in_the_future": "a time beyond the clock of the server",
    "does_not_exist": "the slug, code or id of no row",
    "unique": "an address that a user has",
    "invalid_cursor": "a cursor is signed",
    "invalid_token": "the token of no mail",
    "wrong_password": "not the caller's password",
    **dict.fromkeys(
        ("password_too_short", "password_too_common", "password_too_similar"),
        "a password that is easily guessed",
    ),
    **dict.fromkeys(("password_entirely_numeric", "password_invisible"), "such a password, too"),
    **dict.fromkeys(
        ("bad_picture", "unsupported", "empty", "binary", "bad_epub", "bad_zip", "bad_xml"),
        "the content of a file",
    ),
    **dict.fromkeys(
        ("hidden_characters", "invisible", "blank"), "a name that shows nothing, or hides it"
    ),
    "null_characters_not_allowed": "PostgreSQL stores none",
    "precondition_failed": "the `ETag` of another representation",
    "idempotency_key_reused": "a key that another request had",
}


def log_in() -> str:
    response = requests.post(f"{URL}/auth/token/", json=json.loads(CREDENTIALS), timeout=30)
    token: str = response.json()["token"]
    return token


if CREDENTIALS:

    @schemathesis.auth(refresh_interval=60)
    class Bearer:
        def get(self, case: Any, context: Any) -> str:
            return log_in()

        def set(self, case: Any, token: str, context: Any) -> None:
            if case.path == "/api/v1/auth/logout/":
                return  # It takes a session alone.
            # Operations that end the token that they are sent with get one of their own.
            ends_it = (case.method, case.path) in ENDING
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {log_in() if ends_it else token}"


ENDING = {("DELETE", "/api/v1/auth/token/"), ("DELETE", "/api/v1/users/me/tokens/{token_id}/")}


@schemathesis.hook
def map_path_parameters(context: HookContext, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Let half of the requests name rows that exist, apart from deletions."""
    if context.operation.method.upper() == "DELETE" or not path_parameters:
        return path_parameters
    return {
        name: IDS[name] if name in IDS and type(value) is int and value % 2 == 0 else value
        for name, value in path_parameters.items()
    }


@schemathesis.hook
def filter_failure(context: HookContext, failure: Any, case: Any, response: Any) -> bool:
    """Drop the refusal of a request that the schema allows, if its reason is in `REASONS`."""
    if isinstance(failure, AcceptedNegativeData):
        # A number is taken for a text, as DRF does since the first version.
        return "Incorrect type" not in str(failure)
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    codes = {each["code"] for each in problem.get("violations", ())} or {problem["code"]}
    return not codes <= REASONS.keys()
