"""What the suite asks of a server: every route of the budgets, over HTTP."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Generator
from dataclasses import dataclass, field

from PIL import Image

from perf.lab.example_requests import example
from perf.lab.harness.http_client import Response
from perf.lab.plans.operators import operator_paths
from perf.lab.plans.requests import WITHOUT_ROWS
from perf.lab.plans.warm import warm_asks
from perf.lab.suite.people import DOMAIN, PASSWORD, People

API = "/api/v1"
_JSON = "application/json"
# The request whose explanation is asked for.
EXPLAINED = "perf-suite"


@dataclass(frozen=True)
class HttpAsk:
    """A request.

    Attributes:
        route: Whose budget it must keep.
        name: What the report calls it.
    """

    route: str
    name: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.route.split()[0]


def reads(people: People) -> list[HttpAsk]:
    """Return every read, of readers, owners and operators."""
    asks = []
    for ask in warm_asks():
        path = f"{API}{ask.endpoint.split()[1]}{ask.query}".format(**people.subject.values)
        headers = people.owner if ask.by == "owner" else {}
        name = ask.endpoint + ask.query + (", its owner" if headers else "")
        asks.append(HttpAsk(ask.endpoint, name, path, headers))
    asks += [HttpAsk(route, route, API + route.split()[1]) for route in sorted(WITHOUT_ROWS)]
    for path in ("/perf/requests/", f"/perf/requests/{EXPLAINED}/"):
        route = f"GET {path.replace(EXPLAINED, '{identifier}')}"
        asks.append(HttpAsk(route, route, API + path, people.staff))
    for path in operator_paths():
        headers = people.staff if path.startswith("/admin/") else {}
        asks.append(HttpAsk(f"GET {path}", f"GET {path}", path, headers))
    return asks


def explained(people: People) -> HttpAsk:
    """Return the request that makes the explanation; it is there a moment after the answer."""
    headers = {**people.staff, "X-Explain": "1", "X-Request-ID": EXPLAINED}
    return HttpAsk("GET /users/me/", "explained", f"{API}/users/me/", headers)


def writes(people: People, turn: str) -> Generator[HttpAsk, Response, None]:
    """Yield requests that write, and take their answers; what they make, they delete.

    Args:
        turn: Another word each time: addresses and texts are there once.
    """
    member = people.member
    yield _sent("PATCH /users/me/", "/users/me/", member, bio=turn)
    yield _sent(
        "POST /users/", "/users/", {}, **_credentials(f"{turn}@{DOMAIN}"), display_name="New"
    )
    login = _credentials(people.email)
    answer = yield _sent("POST /auth/token/", "/auth/token/", {}, **login)
    token = {"Authorization": f"Bearer {json.loads(answer.body)['token']}"}
    yield _sent("DELETE /auth/token/", "/auth/token/", token)
    answer = yield _sent("POST /auth/login/", "/auth/login/", {}, **login)
    yield _sent("POST /auth/logout/", "/auth/logout/", _session(answer))
    yield from _novel(member, turn)
    yield from _comic(member, turn)


def _novel(member: dict[str, str], turn: str) -> Generator[HttpAsk, Response, None]:
    file = ("file", f"{turn}.txt", f"Chapter 1\n\n{turn} was a whale.".encode())
    answer = yield _uploaded("POST /novels/", "/novels/", member, file, title=turn)
    path = f"/novels/{json.loads(answer.body)['id']}/"
    yield _sent("PATCH /novels/{novel_id}/", path, member, title=f"{turn} again")
    yield _sent("DELETE /novels/{novel_id}/", path, member)


def _comic(member: dict[str, str], turn: str) -> Generator[HttpAsk, Response, None]:
    answer = yield _sent("POST /comics/", "/comics/", member, title=turn)
    path = f"/comics/{json.loads(answer.body)['id']}/"
    file = ("image", "panel.png", _picture())
    route = "POST /comics/{comic_id}/panels/"
    yield _uploaded(route, f"{path}panels/", member, file, number="1")
    yield _sent("PATCH /comics/{comic_id}/", path, member, title=f"{turn} again")
    yield _sent("DELETE /comics/{comic_id}/", path, member)


def _credentials(email: str) -> dict[str, str]:
    return {"email": email, "password": PASSWORD}


def _sent(route: str, path: str, headers: dict[str, str], **fields: str) -> HttpAsk:
    body = json.dumps(fields).encode() if fields else b""
    return HttpAsk(route, route, API + path, {**headers, "Content-Type": _JSON}, body)


def _uploaded(
    route: str, path: str, headers: dict[str, str], file: tuple[str, str, bytes], **fields: str
) -> HttpAsk:
    values = {"comic_id": 0}  # The path is known.
    sent = example(route).build(values, body=fields, upload=file[2], headers=headers)
    return HttpAsk(route, route, API + path, sent.headers, sent.body)


def _session(answer: Response) -> dict[str, str]:
    """Return the cookies that a login has set, and the token that goes with them."""
    head = answer.head.decode("latin-1")
    cookies = dict(re.findall(r"(?im)^set-cookie: *([^= ][^=]*)=([^;\r]*)", head))
    pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {"Cookie": pairs, "X-CSRFToken": cookies["csrftoken"]}


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (400, 300), "navy").save(file, "PNG")
    return file.getvalue()
