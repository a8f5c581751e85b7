"""A request for every endpoint, so that its statements can be seen; nothing of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.test import override_settings
from rest_framework.test import APIClient

from comics.images.files import rendition_path
from comics.models import Comic
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from perf.lab.plans.capture import RequestFailed, Statement, captured, served_host
from users.models import User
from users.services import token_create

EMAIL = "looks.at.statements@example.org"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a user who is never committed

# However often all of this is asked in an hour.
_UNLIMITED = dict.fromkeys(
    ("login", "login_network", "login_user", "register", "write"), (1_000_000, 60)
)

# Not asked: they keep files, which no rollback takes away.
NOT_ASKED = {"POST /novels/", "POST /comics/{comic_id}/panels/"}
# Not asked: what they answer comes from no table.
WITHOUT_ROWS = {"GET /schema/", "GET /docs/"}
# The same, for staff alone.
WITHOUT_ROWS_FOR_STAFF = {"GET /perf/requests/", "GET /perf/requests/{identifier}/"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        endpoint: Method and route as documented.
        query: What follows the path; it is part of the heading in docs/performance.md.
        by: "anonymous", "owner" (a seeded user with a token), "newcomer" (with a token),
            or "session" (the newcomer with a cookie).
        warm: Whether the endpoint is asked once before, because the first time it makes something.
    """

    endpoint: str
    query: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    by: str = "anonymous"
    warm: bool = False


_CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
# In an order in which each finds what it needs.
ASKS = [
    Ask("POST /users/", body={**_CREDENTIALS, "display_name": "Somebody"}),
    Ask("POST /auth/login/", body=_CREDENTIALS, by="session"),
    Ask("GET /users/me/", by="session"),
    Ask("POST /auth/logout/", by="session"),
    Ask("POST /auth/token/", body=_CREDENTIALS, by="newcomer"),
    Ask("GET /users/me/", by="newcomer"),
    Ask("PATCH /users/me/", body={"bio": "Reads."}, by="newcomer"),
    Ask("DELETE /auth/token/", by="newcomer"),
    Ask("GET /users/me/dashboard/", by="owner"),
    Ask("GET /novels/"),
    Ask("GET /novels/", "?genre={genre}&language={language}"),
    Ask("GET /novels/", "?owner=me", by="owner"),
    Ask("GET /novels/{novel_id}/"),
    Ask("GET /novels/{novel_id}/", by="owner"),
    Ask("GET /novels/{novel_id}/chapters/"),
    Ask("GET /novels/{novel_id}/chapters/{number}/"),
    Ask("GET /novels/{novel_id}/status/"),
    Ask("GET /search/", "?q=the"),
    Ask("GET /search/", "?q=the&scope=mine", by="owner"),
    Ask("GET /comics/"),
    Ask("GET /comics/", "?novel={novel_id}"),
    Ask("GET /comics/", "?owner=me", by="owner"),
    Ask("GET /comics/{comic_id}/"),
    Ask("GET /comics/{comic_id}/panels/"),
    Ask("GET /comics/{comic_id}/panels/{number}/image/"),
    Ask("GET /comics/{comic_id}/thumbnail/", warm=True),
    Ask("PATCH /novels/{novel_id}/", body={"title": "Another"}, by="owner"),
    Ask("POST /comics/", body={"title": "New"}, by="owner"),
    Ask("PATCH /comics/{comic_id}/", body={"title": "Another"}, by="owner"),
    Ask("DELETE /comics/{comic_id}/", by="owner"),
    Ask("DELETE /novels/{novel_id}/", by="owner"),
]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request, who asked, and what came of it.

    Attributes:
        user_id: Of a seeded user; None: of somebody else, or nobody.
        size_bytes: Of the answer's body.
    """

    ask: Ask
    user_id: int | None
    statements: list[Statement]
    size_bytes: int


def answered(asks: Sequence[Ask] = ASKS) -> Iterator[Answered]:
    """Ask everything, in the caller's transaction, which is to be rolled back.

    Raises:
        RequestFailed: An answer is an error.
        Novel.DoesNotExist: No user has a public novel with chapters and a public comic with panels.
    """
    subject = Subject.found()
    with _thumbnail_unmade(subject.comic), override_settings(MORPHEUS_THROTTLE_RATES=_UNLIMITED):
        clients = {by: client() for by in ("anonymous", "owner", "newcomer", "session")}
        clients["owner"].credentials(**bearer(token_create(user=subject.owner)[0]))
        for ask in asks:
            asking = clients[ask.by]
            if ask.warm:
                send(asking, ask, subject.values)
            with captured() as statements:
                answer = send(asking, ask, subject.values)
            if ask.endpoint == "POST /auth/token/":
                asking.credentials(**bearer(orjson.loads(answer)["token"]))
            user_id = subject.owner.pk if ask.by == "owner" else None
            yield Answered(ask, user_id, statements, len(answer))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked for: a novel and a comic of one owner.

    Attributes:
        values: What the endpoints' paths and queries are filled in with.
    """

    owner: User
    comic: Comic
    values: dict[str, Any]

    @classmethod
    def found(cls) -> Subject:
        """Return the first that has everything that is asked for; raises as `answered`."""
        with write_transaction(as_staff=True):  # Users are shown to themselves and to staff alone.
            novel = _novel()
            owner = User.objects.get(pk=novel.owner_id)
        comics = Comic.objects.public().filter(owner_id=owner.pk, panel_count__gt=0)
        comic = comics.earliest("pk")
        values = {
            "novel_id": novel.pk,
            "comic_id": comic.pk,
            "number": 1,
            "genre": novel.genre and novel.genre.slug,
            "language": novel.language and novel.language.code,
        }
        return cls(owner, comic, values)


@contextmanager
def _thumbnail_unmade(comic: Comic) -> Iterator[None]:
    """Delete the comic's thumbnail after the block if the block made it: its row is not kept."""
    path = rendition_path(comic.cover.digest, "medium") if comic.cover else None
    existed = path is None or path.exists()
    try:
        yield
    finally:
        if path is not None and not existed:
            path.unlink(missing_ok=True)


def _novel() -> Novel:
    novels = Novel.objects.public().filter(
        chapter_count__gt=0,
        genre__isnull=False,
        language__isnull=False,
        owner__comics__is_public=True,
        owner__comics__panel_count__gt=0,
    )
    found: Novel = novels.select_related("genre", "language").earliest("pk")
    return found


def client() -> APIClient:
    """Return an anonymous client whose host name is served."""
    return APIClient(SERVER_NAME=served_host())


def bearer(token: str) -> dict[str, str]:
    """Return the credentials of a token."""
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def send(asking: APIClient, ask: Ask, values: dict[str, Any]) -> bytes:
    """Return the body of the answer.

    Raises:
        RequestFailed: It is an error.
    """
    method, path = ask.endpoint.split()
    url = f"/api/v1{path}{ask.query}".format(**values)
    body = {} if method == "GET" else {"data": ask.body, "format": "json"}
    answer = getattr(asking, method.lower())(url, secure=True, **body)
    if answer.status_code >= 400:
        raise RequestFailed(f"{method} {url}: {answer.status_code} {answer.content!r}")
    # Read to its end, the file of a picture is closed.
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)
