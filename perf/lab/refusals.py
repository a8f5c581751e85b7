"""The processor time that a refused request costs the server, beside `/healthz`.

The requests go to the WSGI application in this process, so the time of PostgreSQL and of the cache
server is not in it. Their number of statements is.
"""

from __future__ import annotations

import io
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import orjson
from django.conf import settings

from morpheus.db.transactions import write_transaction
from novels.models import Novel
from users.models import User
from users.services import token_create, user_register

API = "/api/v1"
_PASSWORD = secrets.token_urlsafe()
_JSON = {"CONTENT_TYPE": "application/json"}
_TOO_LARGE = 10 * 1024**3

# Statements are prepared when they are executed for the fifth time.
_WARM_UP = 8
_SLOW_US = 50_000


@dataclass(frozen=True)
class Request:
    """A request that is refused each time.

    Attributes:
        environ: Headers and the like; called anew for each request.
        limits: Rates of throttles that hold meanwhile; others are lifted.
    """

    name: str
    status: int
    method: str
    path: str
    environ: Callable[[], Mapping[str, str]] = dict
    body: bytes = b""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What one kind of request costs: medians.

    Attributes:
        cpu_us: Processor time of the thread that answers, in microseconds.
        queries: Statements.
        read_bytes: How much of the body was read.
    """

    request: Request
    cpu_us: float
    queries: int
    read_bytes: int


@dataclass
class _Body(io.RawIOBase):
    data: bytes
    read_bytes: int = field(default=0)

    def read(self, size: int = -1) -> bytes:
        end = len(self.data) if size is None or size < 0 else self.read_bytes + size
        chunk = self.data[self.read_bytes : end]
        self.read_bytes += len(chunk)
        return chunk


class UnexpectedStatus(Exception):
    """A request was not refused as it should be; the message says how it was answered."""


def measure_costs(application: Any, rounds: int) -> Iterator[Cost]:
    """Yield the cost of each kind of request; makes two users and two novels."""
    for request in [*_accepted(), *_refused(application)]:
        with _limited(request.limits):
            # The first ones prepare statements and fill caches.
            warm_up = [_send(application, request) for _ in range(_WARM_UP)]
            # A password's hash takes so long that few samples are enough.
            is_slow = warm_up[-1][0] > _SLOW_US
            samples = [
                _send(application, request)
                for _ in range(max(rounds // 20, 1) if is_slow else rounds)
            ]
        times, queries, read = zip(*samples, strict=True)
        yield Cost(request, median(times), int(median(queries)), int(median(read)))


def _accepted() -> Iterator[Request]:
    yield Request("healthz", 200, "GET", "/healthz")
    novel = _novel(_user("owner"), is_public=True)
    yield Request("a novel from the cache", 200, "GET", f"{API}/novels/{novel}/")


def _refused(application: Any) -> Iterator[Request]:
    owner, other = _user("owner"), _user("other")
    public, private = _novel(owner, is_public=True), _novel(owner, is_public=False)
    secret, _ = token_create(user=other)
    token = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    session = {"HTTP_COOKIE": _session_cookie(application, other)}
    novels, login, users = f"{API}/novels/", f"{API}/auth/token/", f"{API}/users/"
    wrong = orjson.dumps({"email": owner.email, "password": "wrong"})
    absent = orjson.dumps({"email": "absent@example.org", "password": "wrong"})
    new = orjson.dumps({"email": "new@example.org", "password": "x", "display_name": "New"})
    title = orjson.dumps({"title": "Mine"})
    form = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": f"{_TOO_LARGE}"}

    def with_unknown_token() -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"Bearer {secrets.token_urlsafe(32)}"}

    def with_unknown_session() -> dict[str, str]:
        return {"HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={secrets.token_hex(16)}"}

    yield Request("401 no credentials", 401, "GET", f"{users}me/")
    malformed = {"HTTP_AUTHORIZATION": "Bearer nonsense"}
    yield Request("401 malformed token", 401, "GET", f"{users}me/", lambda: malformed)
    yield Request("401 unknown token", 401, "GET", f"{users}me/", with_unknown_token)
    yield Request("401 unknown session", 401, "GET", f"{users}me/", with_unknown_session)
    yield Request("401 wrong password", 401, "POST", login, lambda: _JSON, wrong)
    yield Request("401 unknown address", 401, "POST", login, lambda: _JSON, absent)
    yield Request("403 no CSRF token", 403, "POST", f"{API}/auth/logout/", lambda: _JSON | session)
    yield Request("403 not mine", 403, "PATCH", f"{novels}{public}/", lambda: _JSON | token, title)
    yield Request("404 absent novel", 404, "GET", f"{novels}{2**62}/")
    yield Request("404 private novel", 404, "GET", f"{novels}{private}/")
    yield Request("404 private, logged in", 404, "GET", f"{novels}{private}/", lambda: token)
    yield Request("404 unknown URL", 404, "GET", f"{API}/nothing/")
    yield Request("405 known method", 405, "DELETE", novels, lambda: token)
    yield Request("405 unknown method", 405, "BREW", novels)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    yield Request("411 no length", 411, "POST", login, lambda: _JSON | chunked)
    large = _JSON | {"CONTENT_LENGTH": f"{_TOO_LARGE}"}
    yield Request("400 JSON of 10 GB", 400, "POST", login, lambda: large, wrong)
    yield Request("401 upload of 10 GB", 401, "POST", novels, lambda: form)
    yield Request("400 upload of 10 GB", 400, "POST", novels, lambda: form | token)
    text = {"CONTENT_TYPE": "text/plain"}
    yield Request("415 text", 415, "POST", login, lambda: text, wrong)
    yield Request("429 login", 429, "POST", login, lambda: _JSON, wrong, limits=("login",))
    yield Request("429 register", 429, "POST", users, lambda: _JSON, new, limits=("register",))
    yield Request("429 write", 429, "POST", novels, lambda: form | token, limits=("write",))
    yield Request("400 weak password", 400, "POST", users, lambda: _JSON, new)
    yield Request("400 no JSON", 400, "POST", login, lambda: _JSON, b"{")
    yield Request("400 bad cursor", 400, "GET", f"{novels}?cursor=abc")
    yield Request("400 bad page_size", 400, "GET", f"{novels}?page_size=1000")
    yield Request("400 bad search", 400, "GET", f"{API}/search/?q=")
    yield Request("400 bad host", 400, "GET", novels, lambda: {"HTTP_HOST": "elsewhere.example"})


def _send(application: Any, request: Request) -> tuple[float, int, int]:
    body = _Body(request.body)
    path, _, query = request.path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": io.StringIO(),
        "CONTENT_LENGTH": str(len(request.body)),
        **request.environ(),
    }
    if "HTTP_TRANSFER_ENCODING" in environ:
        del environ["CONTENT_LENGTH"]
    started: list[tuple[str, list[tuple[str, str]]]] = []
    before = time.thread_time()
    chunks = application(environ, lambda status, headers: started.append((status, headers)))
    content = b"".join(chunks)
    if close := getattr(chunks, "close", None):
        close()
    cpu_us = 1e6 * (time.thread_time() - before)
    [(status, headers)] = started
    if not status.startswith(str(request.status)):
        raise UnexpectedStatus(f"{request.name}: {status} {content[:200]!r}")
    timing = re.search(r"\b(\d+) queries", dict(headers).get("Server-Timing", ""))
    return cpu_us, int(timing[1]) if timing else 0, body.read_bytes


@contextmanager
def _limited(scopes: tuple[str, ...]) -> Iterator[None]:
    before = {**settings.MORPHEUS_THROTTLE_RATES}
    settings.MORPHEUS_THROTTLE_RATES |= {
        scope: (0 if scope in scopes else 10**9, window) for scope, (_, window) in before.items()
    }
    try:
        yield
    finally:
        settings.MORPHEUS_THROTTLE_RATES |= before


def _user(name: str) -> User:
    email = f"{name}@refusals.example.org"
    try:
        user: User = User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        return user_register(email=email, password=_PASSWORD, display_name=name)
    user.set_password(_PASSWORD)
    with write_transaction(as_user=user.pk):
        user.save(update_fields=["password"])
    return user


def _novel(owner: User, *, is_public: bool) -> int:
    with write_transaction(as_user=owner.pk):
        novel, _ = Novel.objects.get_or_create(
            owner=owner, title=f"Refused {is_public}", is_public=is_public
        )
    return novel.pk


def _session_cookie(application: Any, user: User) -> str:
    """Return the cookie of a new session of `user`."""
    cookies: list[str] = []
    body = orjson.dumps({"email": user.email, "password": _PASSWORD})

    def application_with_cookies(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]]) -> Any:
            cookies.extend(value for name, value in headers if name == "Set-Cookie")
            return start_response(status, headers)

        return application(environ, start)

    request = Request("login", 200, "POST", f"{API}/auth/login/", lambda: _JSON, body)
    _send(application_with_cookies, request)
    return "; ".join(cookie.split(";")[0] for cookie in cookies if "sessionid" in cookie)
