"""CPU time that a refused request costs the server, beside `/healthz`.

The WSGI application runs in this process, so the time of PostgreSQL and of the cache server does
not count. The number of statements does.
"""

from __future__ import annotations

import io
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from django.conf import settings
from django.test import Client, RequestFactory, override_settings

from morpheus.db.transactions import write_transaction
from novels.models import Novel
from perf.lab.example_requests import API, HttpRequest, bearer, example
from users.models import User
from users.services import token_create, user_register

_TOO_LARGE = {"Content-Length": str(10 * 1024**3)}

# Psycopg prepares a statement when it executes it for the fifth time.
_WARM_UP = 8
_SLOW_US = 50_000
_DOMAIN = "refusals.example.org"
_SESSION = settings.SESSION_COOKIE_NAME


@dataclass(frozen=True)
class Refusal:
    """A request with its status, the same each time.

    Attributes:
        fresh_headers: Called for further headers of each request.
        limit: A throttle that has no requests left; all others have no limit.
    """

    status: int
    reason: str
    request: HttpRequest
    fresh_headers: Callable[[], Mapping[str, str]] = dict
    limit: str = ""

    @property
    def name(self) -> str:
        return self.reason if self.status == 200 else f"{self.status} {self.reason}"


@dataclass(frozen=True)
class RefusalCost:
    """Medians of one kind of request.

    Attributes:
        cpu_us: CPU time of the thread, in microseconds.
        queries: Statements.
        read_bytes: Bytes of the body that the application read.
    """

    refusal: Refusal
    cpu_us: float
    queries: int
    read_bytes: int


class UnexpectedStatus(Exception):
    """A response has another status than it should; the message has the response."""


def measure_costs(application: Any, rounds: int) -> Iterator[RefusalCost]:
    """Yield the cost of each kind of request; creates two users and two novels.

    Raises:
        UnexpectedStatus: A request is not refused as it should be.
    """
    for refusal in _refusals(_create_rows()):
        with _limit(refusal.limit):
            # The first ones prepare statements and fill caches.
            warm_up = [_send(application, refusal) for _ in range(_WARM_UP)]
            # A password hash takes so long that few samples are enough.
            is_slow = warm_up[-1][0] > _SLOW_US
            count = max(rounds // 20, 1) if is_slow else rounds
            samples = [_send(application, refusal) for _ in range(count)]
        times, queries, read_bytes = zip(*samples, strict=True)
        yield RefusalCost(refusal, median(times), int(median(queries)), int(median(read_bytes)))


@dataclass(frozen=True)
class _Rows:
    """Two novels of an owner, and the credentials of another user."""

    public: int
    private: int
    owner_email: str
    token: dict[str, str]
    session: dict[str, str]


def _create_rows() -> _Rows:
    owner, other = (_get_user(f"{name}@{_DOMAIN}") for name in ("owner", "other"))
    with write_transaction(as_user=owner.pk):
        public, private = (
            Novel.objects.get_or_create(
                owner=owner, title=f"Refused {is_public}", is_public=is_public
            )[0].pk
            for is_public in (True, False)
        )
    client = Client()
    client.force_login(other)
    cookie = f"{_SESSION}={client.cookies[_SESSION].value}"
    return _Rows(
        public, private, owner.email, bearer(token_create(user=other)[0]), {"Cookie": cookie}
    )


def _get_user(email: str) -> User:
    try:
        user: User = User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        user = user_register(email=email, password=secrets.token_urlsafe(), display_name="User")
    return user


def _refusals(rows: _Rows) -> Iterator[Refusal]:
    yield Refusal(200, "healthz", HttpRequest("GET", "/healthz"))
    novel = example("GET /novels/{novel_id}/")
    public, private = {"novel_id": rows.public}, {"novel_id": rows.private}
    yield Refusal(200, "a novel from the cache", novel.build(public))
    yield from _without_access(rows)
    rename = example("PATCH /novels/{novel_id}/").build(public, headers=rows.token)
    yield Refusal(403, "not the owner", rename)
    yield Refusal(404, "absent novel", novel.build({"novel_id": 2**62}))
    yield Refusal(404, "private novel", novel.build(private))
    yield Refusal(404, "private, logged in", novel.build(private, headers=rows.token))
    yield Refusal(404, "unknown URL", HttpRequest("GET", f"{API}/nothing/"))
    novels = example("GET /novels/").build({})
    yield Refusal(405, "known method", replace(novels, method="DELETE", headers=rows.token))
    yield Refusal(405, "unknown method", replace(novels, method="BREW"))
    yield from _bad_bodies(rows)
    yield from _over_limits(rows)
    search = example("GET /search/")
    yield Refusal(400, "bad cursor", example("GET /novels/").build({}, query={"cursor": "abc"}))
    yield Refusal(
        400, "bad page_size", example("GET /novels/").build({}, query={"page_size": 1000})
    )
    yield Refusal(400, "bad search", search.build({}, query={"q": ""}))
    yield Refusal(400, "bad host", replace(novels, headers={"Host": "elsewhere.example"}))


def _without_access(rows: _Rows) -> Iterator[Refusal]:
    profile = example("GET /users/me/").build({})
    yield Refusal(401, "no credentials", profile)
    yield Refusal(401, "malformed token", replace(profile, headers=bearer("nonsense")))
    yield Refusal(401, "unknown token", profile, lambda: bearer(secrets.token_urlsafe(32)))
    yield Refusal(
        401, "unknown session", profile, lambda: {"Cookie": f"{_SESSION}={secrets.token_hex(16)}"}
    )
    yield Refusal(401, "wrong password", _wrong_login(rows.owner_email))
    yield Refusal(401, "unknown address", _wrong_login(f"absent@{_DOMAIN}"))
    logout = example("POST /auth/logout/").build({}, headers=rows.session)
    yield Refusal(403, "no CSRF token", logout)


def _wrong_login(email: str) -> HttpRequest:
    return example("POST /auth/token/").build({}, body={"email": email, "password": "wrong"})


def _bad_bodies(rows: _Rows) -> Iterator[Refusal]:
    login = _wrong_login(rows.owner_email)
    chunked = {**login.headers, "Transfer-Encoding": "chunked"}
    yield Refusal(411, "no length", replace(login, headers=chunked, body=b""))
    yield Refusal(400, "JSON of 10 GB", replace(login, headers=login.headers | _TOO_LARGE))
    upload = _large_upload()
    yield Refusal(401, "upload of 10 GB", upload)
    yield Refusal(400, "upload of 10 GB", replace(upload, headers=upload.headers | rows.token))
    text = {**login.headers, "Content-Type": "text/plain"}
    yield Refusal(415, "text", replace(login, headers=text))
    yield Refusal(400, "no JSON", replace(login, body=b"{"))
    new = {"email": f"new@{_DOMAIN}", "password": "x", "display_name": "New"}
    yield Refusal(400, "weak password", example("POST /users/").build({}, body=new))


def _large_upload() -> HttpRequest:
    upload = example("POST /novels/").build({})
    return replace(upload, headers=upload.headers | _TOO_LARGE, body=b"")


def _over_limits(rows: _Rows) -> Iterator[Refusal]:
    upload = _large_upload()
    new = {"new_email": f"new@{_DOMAIN}"}
    yield Refusal(429, "login", _wrong_login(rows.owner_email), limit="login")
    yield Refusal(429, "register", example("POST /users/").build(new), limit="register")
    yield Refusal(429, "write", replace(upload, headers=upload.headers | rows.token), limit="write")


def _send(application: Any, refusal: Refusal) -> tuple[float, int, int]:
    """Return CPU time in microseconds, statements and the bytes read of the body."""
    request, body = refusal.request, io.BytesIO(refusal.request.body)
    headers = {"Host": "localhost", **request.headers, **refusal.fresh_headers()}
    made = RequestFactory(SERVER_NAME="localhost").generic(
        request.method, request.path, request.body, headers=headers
    )
    environ = made.environ | {"wsgi.input": body}
    if "Transfer-Encoding" not in headers:
        environ.setdefault("CONTENT_LENGTH", str(len(request.body)))
    started: list[tuple[str, list[tuple[str, str]]]] = []
    before = time.thread_time()
    chunks = application(environ, lambda status, headers: started.append((status, headers)))
    content = b"".join(chunks)
    if close := getattr(chunks, "close", None):
        close()
    cpu_us = 1e6 * (time.thread_time() - before)
    [(status, response_headers)] = started
    if not status.startswith(str(refusal.status)):
        raise UnexpectedStatus(f"{refusal.name}: {status} {content[:200]!r}")
    timing = re.search(r"\b(\d+) queries", dict(response_headers).get("Server-Timing", ""))
    return cpu_us, int(timing[1]) if timing else 0, body.tell()


def _limit(exhausted: str) -> override_settings:
    """Lift all limits per caller except one, which is exhausted."""
    rates = {
        scope: (0 if scope == exhausted else 10**9, window)
        for scope, (_, window) in settings.MORPHEUS_THROTTLE_RATES.items()
    }
    return override_settings(MORPHEUS_THROTTLE_RATES=rates)
