"""Users that come and go: they log in over HTTP, and every kind of write ends their logins.

A login is a row with one view, whether its credential is valid. A write that ends several logins is
a write of each of their rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from http.cookies import SimpleCookie
from random import Random
from secrets import token_hex
from threading import Event
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from morpheus.db.transactions import write_transaction
from novels.models import Novel
from perf.lab.example_catalogue import example
from perf.lab.example_requests import Conversation, HttpRequest
from perf.lab.harness.http_client import BadResponse, Connection, Response
from users.authentication import token_digest
from users.models import AccessToken, User

from .database import DATABASE_FAILURES, make_novel, make_user, recorded_write, write_outside
from .history import Log, Write
from .logins import VALID, Login, PublishedLogins
from .scene import FIRST_PROFILE, FOUND, first_novel, user_shows

# Between two steps, so that a login is read, and its responses are cached, before it ends.
STEP_S = 0.2
# Logins of one user at a time.
LOGINS_MAX = 4
# Seconds from the moment when a login is made to expire to its expiry, and the tolerance, because
# the time of day and the history's clock are read one after the other.
EXPIRY_S, CLOCKS_S = 0.2, 0.02
# As that of the other clients: shorter than `Retry-After`.
RETRY_PAUSE_S = 0.1


def run_members(ports: Sequence[int], published: PublishedLogins, stop: Event) -> Log:
    """Let users log in and lose their logins until `stop`; return the log."""
    random = Random(1)  # noqa: S311 - to be repeatable
    log = Log()
    connections = [Connection(port) for port in ports]
    members: dict[int, _Member] = {}
    while not stop.wait(STEP_S):
        # Two at a time, so that one's logins must not show the other's rows.
        number = random.randrange(2)
        try:
            if number not in members:
                members[number] = _Member(log, connections, random)
            members[number].act(members.get(1 - number))
            if members[number].is_deleted:
                del members[number]
        except (*DATABASE_FAILURES, OSError, BadResponse) as error:
            # Which of its logins are valid is unknown.
            members.pop(number, None)
            log.failures[f"member {type(error).__name__}"] += 1
            connection.close()
        published.publish([login for member in members.values() for login in member.logins])
    connection.close()
    for each in connections:
        log.retries += each.retries
        each.close()
    return log


class _Member:
    """A user with a private novel.

    Attributes:
        logins: Those that are valid, or would be if the user were active.
    """

    def __init__(self, log: Log, connections: Sequence[Connection], random: Random) -> None:
        self._log, self._connections, self._random = log, connections, random
        self.logins: list[Login] = []
        self.is_deleted = False
        self._is_active = True
        self._password = token_hex(16)
        self._turn = 0
        began = time.monotonic()
        user = make_user(self._password)
        self._id, self._email = user.pk, user.email
        self._novel_id = make_novel(first_novel(0) | {"visibility": "private"}, user.pk)
        shows = {self._profile: user_shows(FIRST_PROFILE), self._novel: {"own": FOUND}}
        ended = time.monotonic()
        log.writes += [Write(row, values, began, ended) for row, values in shows.items()]

    @property
    def _profile(self) -> str:
        return f"user {self._id}"

    @property
    def _novel(self) -> str:
        return f"novel {self._novel_id}"

    def act(self, other: _Member | None) -> None:
        """Take one step: log in, end logins, or change the profile."""
        log_in = partial(self._log_in, other)
        self._turn += 1
        if not self._is_active:
            self._set_active(True)
        elif not self.logins:
            log_in()
        else:
            login = self._random.choice(self.logins)
            of_login = (self._log_out, self._expire, self._delete_outside, self._rename)
            steps: list[Callable[[], None]] = [partial(step, login) for step in of_login]
            steps += [self._change_password, partial(self._set_active, False), self._delete]
            if len(self.logins) < LOGINS_MAX:
                steps += [log_in] * 6
            self._random.choice(steps)()

    def _log_in(self, other: _Member | None) -> None:
        """Log in; at times in the browser of the other user, whose session that ends."""
        route = self._random.choice(("POST /auth/token/", "POST /auth/login/"))
        old = None
        if other is not None and route == "POST /auth/login/":
            sessions = [login for login in other.logins if not login.is_token]
            old = self._random.choice([None, *sessions])
        ended = other.end([old]) if other is not None and old is not None else {}
        sent = example(route)
        request = sent.build(
            {},
            body={"email": self._email, "password": self._password},
            headers=old.headers if old else {},
        )
        began = time.monotonic()
        with recorded_write(self._log, ended):
            response = self._send(request)
        conversation = Conversation({})
        conversation.keep_credentials(sent, response.content, response.cookies)
        row, headers = f"login {self._id}.{self._turn}", conversation.headers[sent.caller]
        self.logins.append(Login(row, headers, self._id, self._novel_id))
        self._log.writes.append(Write(row, {VALID: FOUND}, began, time.monotonic()))

    def _log_out(self, login: Login) -> None:
        route = "DELETE /auth/token/" if login.is_token else "POST /auth/logout/"
        with recorded_write(self._log, self.end([login])):
            self._send(example(route).build({}, headers=login.headers))

    def _expire(self, login: Login) -> None:
        """Let a login expire by the clock; no write tells the cache of that moment."""
        with recorded_write(self._log, self.end([login]), CLOCKS_S):
            expires_at = timezone.now() + timedelta(seconds=EXPIRY_S)
            until = time.monotonic() + EXPIRY_S
            with write_transaction(as_user=self._id):
                if login.is_token:
                    AccessToken.objects.filter(digest=_key(login)).update(expires_at=expires_at)
                else:
                    Session.objects.filter(pk=_key(login)).update(expire_date=expires_at)
            time.sleep(max(0.0, until - time.monotonic()))

    def _delete_outside(self, login: Login) -> None:
        """Delete a login as psql does."""
        statement, key = "DELETE FROM users_token WHERE digest = %s", _key(login)
        if not login.is_token:
            statement = "DELETE FROM django_session WHERE session_key = %s"
        write_outside(self._log, self._id, {statement: [key]}, self.end([login]))

    def _rename(self, login: Login) -> None:
        unique = f"{self._id} v{self._turn}"
        state = {"display_name": f"Name {unique}", "bio": f"Bio {unique}"}
        with recorded_write(self._log, {self._profile: user_shows(state)}):
            self._send(example("PATCH /users/me/").build({}, body=state, headers=login.headers))

    def _change_password(self) -> None:
        login = self._random.choice(self.logins)
        old, self._password = self._password, token_hex(16)
        body = {"current_password": old, "new_password": self._password}
        request = example("POST /users/me/password/").build({}, body=body, headers=login.headers)
        with recorded_write(self._log, self.end(self.logins)):
            self._send(request)

    def _set_active(self, is_active: bool) -> None:
        value = {VALID: FOUND} if is_active else {}
        shows = {login.row: value for login in self.logins}
        with recorded_write(self._log, shows), write_transaction(as_user=self._id):
            User.objects.filter(pk=self._id).update(is_active=is_active)
        self._is_active = is_active

    def _delete(self) -> None:
        """Delete the user with the novel, at times as psql does."""
        self.is_deleted = True
        shows = self.end(self.logins) | {self._novel: {}}
        if self._random.random() < 0.5:
            statements = {
                "DELETE FROM novels_novel WHERE owner_id = %s": [self._id],
                "DELETE FROM users_user WHERE id = %s": [self._id],
            }
            write_outside(self._log, self._id, statements, shows)
            return
        with recorded_write(self._log, shows), write_transaction(as_user=self._id):
            Novel.objects.filter(pk=self._novel_id).delete()
            User.objects.filter(pk=self._id).delete()

    def end(self, logins: Iterable[Login]) -> dict[str, dict[str, str]]:
        """Take logins off the valid ones; return what their rows then show."""
        ended = {login.row for login in logins}
        self.logins = [login for login in self.logins if login.row not in ended]
        return {row: {} for row in ended}

    def _send(self, request: HttpRequest) -> Response:
        """Send a write.

        Raises:
            BadResponse: It failed.
        """
        chosen = self._random.choice(self._connections)
        response = chosen.exchange_with_retries(request, longest_pause_s=RETRY_PAUSE_S)
        if response.status >= 300:
            raise BadResponse(f"{request.method} {request.path}: {response.status}")
        return response


def _key(login: Login) -> Any:
    """Return the key of a login's row in the database."""
    if login.is_token:
        return token_digest(login.headers["Authorization"].split()[1])
    cookies: SimpleCookie = SimpleCookie(login.headers["Cookie"])
    return cookies[settings.SESSION_COOKIE_NAME].value
