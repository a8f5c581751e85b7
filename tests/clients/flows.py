"""The main flows through a client that openapi-python-client made; of the environment of tools.

python flows.py http://127.0.0.1:8000 picture.png
"""

from __future__ import annotations

import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from morpheus_client import AuthenticatedClient, Client
from morpheus_client.api.auth import auth_token_create
from morpheus_client.api.comics import comics_create, panels_create, panels_image
from morpheus_client.api.novels import (
    novels_chapters_list,
    novels_chapters_read,
    novels_create,
    novels_list,
    novels_read,
    novels_status_read,
    novels_update,
)
from morpheus_client.api.search import search
from morpheus_client.api.users import users_me, users_me_delete, users_register
from morpheus_client.models import (
    AccountDeleteInputRequest,
    ChapterText,
    Comic,
    ComicCreateInputRequest,
    Novel,
    NovelCreateInputRequest,
    PaginatedChapterList,
    PaginatedNovelList,
    PaginatedSearchResultList,
    Panel,
    PanelCreateInputRequest,
    PatchedNovelUpdateInputRequest,
    Problem,
    Profile,
    StateEnum,
    Status,
    Token,
    UserLoginInputRequest,
    UserRegisterInputRequest,
    VisibilityEnum,
)
from morpheus_client.types import UNSET, File

PASSWORD = "correct horse battery staple"  # noqa: S105 - of an invented user
TEXT = "Chapter 1\n\nAlice met a quokka.\n\nChapter 2\n\nThe quokka smiled."


def expect(kind: type, value: Any) -> Any:
    """Return a parsed response, if it has the type that is expected."""
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected: {value!r}")
    return value


def log_in(url: str, email: str) -> AuthenticatedClient:
    anonymous = Client(url, raise_on_unexpected_status=True)
    new = UserRegisterInputRequest(email=email, password=PASSWORD, display_name="Ann")
    registered = expect(Profile, users_register.sync(client=anonymous, body=new))
    assert registered.display_name == "Ann"

    refused = users_register.sync_detailed(client=anonymous, body=new)
    problem = expect(Problem, refused.parsed)
    assert (refused.status_code, problem.code) == (400, "invalid_input")
    assert [(each.pointer, each.code) for each in problem.violations] == [("/email", "unique")]

    credentials = UserLoginInputRequest(email=email, password=PASSWORD)
    token = expect(Token, auth_token_create.sync(client=anonymous, body=credentials)).token
    return AuthenticatedClient(url, token=token, raise_on_unexpected_status=True)


def upload(client: AuthenticatedClient, title: str) -> Novel:
    file = File(BytesIO(TEXT.encode()), "novel.txt", "text/plain")
    form = NovelCreateInputRequest(
        file=file, title=title, language="en", visibility=VisibilityEnum.PUBLIC
    )
    created = novels_create.sync_detailed(client=client, body=form, idempotency_key=title)
    novel: Novel = expect(Novel, created.parsed)
    assert created.headers["Location"].endswith(f"/novels/{novel.id}/")

    file.payload.seek(0)
    repeated = novels_create.sync_detailed(client=client, body=form, idempotency_key=title)
    assert repeated.headers["Idempotency-Replayed"] == "true"
    assert expect(Novel, repeated.parsed).id == novel.id

    file.payload.seek(0)
    again = expect(Problem, novels_create.sync(client=client, body=form))
    assert (again.code, again.existing_id) == ("upload_exists", novel.id)
    return novel


def wait_until_parsed(client: AuthenticatedClient, novel_id: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        read = novels_status_read.sync_detailed(novel_id, client=client)
        state = expect(Status, read.parsed).state
        if state is StateEnum.COMPLETED:
            return
        assert state is not StateEnum.FAILED and time.monotonic() < deadline, read.parsed
        time.sleep(int(read.headers["X-Poll-Interval"]))


def read_everything(client: AuthenticatedClient, novel_id: int) -> None:
    chapters = expect(PaginatedChapterList, novels_chapters_list.sync(novel_id, client=client))
    assert [each.number for each in chapters.results] == [1, 2]
    chapter = expect(ChapterText, novels_chapters_read.sync(novel_id, 2, client=client))
    assert "smiled" in chapter.content

    matches = expect(PaginatedSearchResultList, search.sync(client=client, q="quokka"))
    assert novel_id in {each.novel for each in matches.results}

    ids: list[int] = []
    cursor: Any = UNSET
    while True:
        page = expect(
            PaginatedNovelList,
            novels_list.sync(client=client, owner="me", page_size=1, cursor=cursor),
        )
        ids += [each.id for each in page.results]
        if page.next_ is None:
            break
        cursor = page.next_.partition("cursor=")[2].partition("&")[0]
    assert len(ids) == 2 and novel_id in ids


def change(client: AuthenticatedClient, novel_id: int) -> None:
    read = novels_read.sync_detailed(novel_id, client=client)
    etag = read.headers["ETag"]
    body = PatchedNovelUpdateInputRequest(title="Another title")
    changed = novels_update.sync_detailed(novel_id, client=client, body=body, if_match=etag)
    assert expect(Novel, changed.parsed).title == "Another title"
    assert changed.headers["ETag"] != etag

    late = novels_update.sync_detailed(novel_id, client=client, body=body, if_match=etag)
    assert (late.status_code, expect(Problem, late.parsed).code) == (412, "precondition_failed")


def draw(client: AuthenticatedClient, novel_id: int, picture: bytes) -> None:
    new = ComicCreateInputRequest(title="Quokka", novel=novel_id)
    comic = expect(Comic, comics_create.sync(client=client, body=new, idempotency_key="a comic"))
    form = PanelCreateInputRequest(
        image=File(BytesIO(picture), "panel.png", "image/png"), caption="A quokka"
    )
    panel = expect(Panel, panels_create.sync(comic.id, client=client, body=form))
    file = expect(File, panels_image.sync(comic.id, panel.number, client=client))
    assert file.payload.read() == picture and panel.width > 0


def main(url: str, picture: bytes) -> None:
    client = log_in(url, f"ann{time.time_ns()}@example.org")
    with client:
        novel = upload(client, "Quokkas")
        other = File(BytesIO(b"Chapter 1\n\nOther."), "other.txt", "text/plain")
        expect(Novel, novels_create.sync(client=client, body=NovelCreateInputRequest(file=other)))
        wait_until_parsed(client, novel.id)
        read_everything(client, novel.id)
        change(client, novel.id)
        draw(client, novel.id, picture)

        missing = expect(Problem, novels_read.sync(10**12, client=client))
        assert (missing.status, missing.code) == (404, "not_found")

        password = AccountDeleteInputRequest(current_password=PASSWORD)
        deleted = users_me_delete.sync_detailed(client=client, body=password)
        assert deleted.status_code == 202, deleted
        assert expect(Problem, users_me.sync(client=client)).code == "authentication_failed"
    print("ok  All flows work.")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).read_bytes())
