"""Example requests, and conversations of several. Plain data, as `example_catalogue`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from perf.lab.multipart_forms import FORM_TYPE, Upload, encode_form

API = "/api/v1"
JSON_TYPE = "application/json"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of invented users
_NAME = re.compile(r"{\w+}")

Caller = Literal["anonymous", "owner", "member", "returning", "leaving", "session", "staff"]
_CREDENTIALS_OF: dict[Caller, str] = {
    "anonymous": "",
    "owner": ", with a token",
    "member": ", with a token",
    "returning": ", after a reset",
    "leaving": ", after a new password",
    "session": ", with a session",
    "staff": ", as staff",
}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it is sent; the path includes the query string."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ExampleRequest:
    """A request to one route. `{name}` in path, query and body stands for a value of the data.

    Attributes:
        route: Method and path as documented, an entry of perf/budgets.toml.
        caller: "owner" owns the novel and the comic and has a token, "member" is a new user with
            a token, "session" is the same user with a cookie, "staff" has a cookie too;
            "returning" and "leaving" are the new user with tokens after a new password.
        body: Fields, sent as JSON, or beside the upload as a form.
        reads_tables: Whether the response needs the database.
        root: Path before the one that `route` names.
        in_parts: Whether a list is read in the parts that the cache has (`WholeRows`).
    """

    route: str
    query: Mapping[str, str] = field(default_factory=dict)
    caller: Caller = "anonymous"
    body: Mapping[str, Any] = field(default_factory=dict)
    upload: Upload | None = None
    reads_tables: bool = True
    root: str = API
    in_parts: bool = False

    @property
    def method(self) -> str:
        return self.route.split()[0]

    @property
    def is_read(self) -> bool:
        return self.method == "GET"

    @property
    def name(self) -> str:
        """The route with the query, as reports show it."""
        pairs = "&".join(f"{key}={value}" for key, value in self.query.items())
        return f"{self.route}?{pairs}" if pairs else self.route

    @property
    def heading(self) -> str:
        """The name with the kind of credentials, as plan snapshots show it."""
        return self.name + _CREDENTIALS_OF[self.caller] + (" in parts" if self.in_parts else "")

    def build(
        self,
        values: Mapping[str, object],
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        upload: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpRequest:
        """Return the request with the values filled in.

        Args:
            query: Replaces the example's query, as it is.
            body: Replaces the example's fields, as they are.
            upload: Replaces the content of the example's file.
            headers: Credentials of the caller, for example.
        """
        path = self.root + self.route.split()[1].format(**values)
        parameters = _fill(self.query, values) if query is None else query
        if parameters:
            path = f"{path}?{urlencode(parameters)}"
        sent = dict(headers or {})
        fields = _fill(self.body, values) if body is None else body
        if self.upload is not None:
            file = self.upload if upload is None else self.upload._replace(content=upload)
            sent["Content-Type"] = FORM_TYPE
            return HttpRequest(self.method, path, sent, encode_form(file, fields))
        if self.method == "GET" or (self.method == "DELETE" and not fields):
            return HttpRequest(self.method, path, sent)
        sent["Content-Type"] = JSON_TYPE
        return HttpRequest(self.method, path, sent, json.dumps(fields).encode() if fields else b"")


def _fill(fields: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, object]:
    """Return fields with values; one that is a name alone has the value's type."""
    return {name: _fill_value(value, values) for name, value in fields.items()}


def _fill_value(value: Any, values: Mapping[str, object]) -> object:
    if isinstance(value, dict):
        return _fill(value, values)
    if isinstance(value, list):
        return [_fill_value(each, values) for each in value]
    if not isinstance(value, str):
        return value
    return values[value[1:-1]] if _NAME.fullmatch(value) else value.format(**values)


_ID_OF = {
    "POST /novels/": "novel_id",
    "POST /comics/": "comic_id",
    "POST /comics/{comic_id}/panels/": "panel_id",
    "POST /users/me/tokens/": "token_id",
    "POST /users/me/exports/": "export_id",
}


@dataclass
class Conversation:
    """Sends examples one after the other: a response gives ids and credentials to later requests.

    Attributes:
        values: For the names in examples.
        headers: Credentials by caller.
    """

    values: dict[str, object]
    headers: dict[str, dict[str, str]] = field(default_factory=dict)

    def build(self, sent: ExampleRequest, **options: Any) -> HttpRequest:
        """Return the request with the values and credentials so far; options as `build` has."""
        return sent.build(self.values, headers=self.headers.get(sent.caller), **options)

    def keep_credentials(
        self, sent: ExampleRequest, body: bytes, cookies: Mapping[str, str]
    ) -> None:
        """Remember the token or the session cookies in the response to a login."""
        if sent.route == "POST /auth/token/":
            self.headers[sent.caller] = bearer(json.loads(body)["token"])
        elif sent.route == "POST /auth/login/":
            pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
            self.headers[sent.caller] = {"Cookie": pairs, "X-CSRFToken": cookies["csrftoken"]}

    def keep_id(self, sent: ExampleRequest, body: bytes) -> None:
        """Remember the id of something new."""
        name = _ID_OF.get(sent.route)
        if name is not None:
            self.values[name] = json.loads(body)["id"]
        if name == "panel_id":
            self.values["panel_ids"] = [self.values[name]]


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"}
