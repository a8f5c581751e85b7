"""A request for every endpoint, so that its statements can be seen; nothing of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rest_framework.test import APIClient

from comics.images.files import rendition_path
from comics.models import Comic
from morpheus.db.identity import acting_as
from novels.models import Novel
from perf.plans.capture import RequestFailed, Statement, captured, served_host
from users.models import User
from users.services import token_create

EMAIL = "looks.at.statements@example.org"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a user who is never committed

# Not asked: they keep files, which no rollback takes away.
NOT_ASKED = {"POST /novels/", "POST /comics/{comic_id}/panels/"}
# Not asked: what they answer comes from no table.
WITHOUT_ROWS = {
    "GET /schema/",
    "GET /docs/",
    "GET /perf/requests/",
    "GET /perf/requests/{identifier}/",
}


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
    Ask("GET /novels/{pk}/"),
    Ask("GET /novels/{pk}/", by="owner"),
    Ask("GET /novels/{pk}/chapters/"),
    Ask("GET /novels/{pk}/chapters/{number}/"),
    Ask("GET /novels/{pk}/status/"),
    Ask("GET /search/", "?q=the"),
    Ask("GET /search/", "?q=the&scope=mine", by="owner"),
    Ask("GET /comics/"),
    Ask("GET /comics/", "?novel={pk}"),
    Ask("GET /comics/", "?owner=me", by="owner"),
    Ask("GET /comics/{comic_id}/"),
    Ask("GET /comics/{comic_id}/panels/"),
    Ask("GET /comics/{comic_id}/panels/{number}/image/"),
    Ask("GET /comics/{comic_id}/thumbnail/", warm=True),
    Ask("PATCH /novels/{pk}/", body={"title": "Another"}, by="owner"),
    Ask("POST /comics/", body={"title": "New"}, by="owner"),
    Ask("PATCH /comics/{comic_id}/", body={"title": "Another"}, by="owner"),
    Ask("DELETE /comics/{comic_id}/", by="owner"),
    Ask("DELETE /novels/{pk}/", by="owner"),
]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and the statements that it ran; `user_id` is who asked."""

    ask: Ask
    user_id: int | None
    statements: list[Statement]


def answered(asks: Sequence[Ask] = ASKS) -> Iterator[Answered]:
    """Ask everything, in the caller's transaction, which is to be rolled back.

    Raises:
        RequestFailed: An answer is an error.
        Novel.DoesNotExist: No user has a public novel with chapters and a public comic with panels.
    """
    with acting_as(None, staff=True):  # Users are shown to themselves and to staff alone.
        novel = _novel()
        owner = User.objects.get(pk=novel.owner_id)
    comic = Comic.objects.public().filter(owner_id=novel.owner_id, panel_count__gt=0).earliest("pk")
    values = {
        "pk": novel.pk,
        "comic_id": comic.pk,
        "number": 1,
        "genre": novel.genre and novel.genre.slug,
        "language": novel.language and novel.language.code,
    }
    with _thumbnail_unmade(comic):
        yield from _answered(asks, values, owner)


def _answered(asks: Sequence[Ask], values: dict[str, Any], owner: User) -> Iterator[Answered]:
    clients = {by: _client() for by in ("anonymous", "owner", "newcomer", "session")}
    clients["owner"].credentials(HTTP_AUTHORIZATION=f"Bearer {token_create(user=owner)[0]}")
    for ask in asks:
        client = clients[ask.by]
        if ask.warm:
            _send(client, ask, values)
        with captured() as statements:
            answer = _send(client, ask, values)
        if ask.endpoint == "POST /auth/token/":
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer['token']}")
        yield Answered(ask, owner.pk if ask.by == "owner" else None, statements)


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


def _client() -> APIClient:
    return APIClient(SERVER_NAME=served_host())


def _send(client: APIClient, ask: Ask, values: dict[str, Any]) -> Any:
    """Return what the answer's body says, None where that is not JSON."""
    method, path = ask.endpoint.split()
    url = f"/api/v1{path}{ask.query}".format(**values)
    body = {} if method == "GET" else {"data": ask.body, "format": "json"}
    answer = getattr(client, method.lower())(url, secure=True, **body)
    if answer.status_code >= 400:
        raise RequestFailed(f"{method} {url}: {answer.status_code} {answer.content!r}")
    if answer.streaming:
        for _ in answer.streaming_content:
            pass  # Read to its end, the file is closed.
    return getattr(answer, "data", None)
