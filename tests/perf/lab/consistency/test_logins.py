"""What a response tells about the login that it was requested with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perf.lab.consistency.history import ABSENT, Observation
from perf.lab.consistency.logins import VALID, Login, PublishedLogins, make_reads
from perf.lab.consistency.reads import FOREIGN, Read, ReadMaker
from perf.lab.consistency.scene import FIRST_PROFILE, FOUND, Owner, Scene, first_novel

OWNER = Owner(1, "secret", {"Cookie": "sessionid=key"})
SCENE = Scene([OWNER], {5: first_novel(0)}, {}, [], {"user 1": OWNER, "novel 5": OWNER})
TOKEN = Login("login 2.1", {"Authorization": "Bearer x"}, 2, 7)
SESSION = Login("login 2.2", {"Cookie": "sessionid=x"}, 2, 7)
CARD = {"id": 5, **first_novel(0), "owner": {"id": 1, "display_name": "Name v0"}}


def find_observations(login: Login, path: str, status: int, data: Any = None) -> set[Observation]:
    """Return the observations in a response to a read with a login."""
    [read] = [
        read
        for read in make_reads(ReadMaker(SCENE), login, others=[9])
        if read.path == f"/api/v1/{path}"
    ]
    assert read.credentials == [login.headers]
    observations = read.parse_response(status, json.dumps(data).encode())
    assert observations is not None, "a failure"
    return set(observations)


def show_valid(login: Login) -> Observation:
    return Observation(login.row, VALID, FOUND)


def show_ended(login: Login) -> Observation:
    return Observation(login.row, VALID, ABSENT)


@pytest.mark.parametrize("login", [TOKEN, SESSION])
def test_an_own_read_tells_whether_a_login_is_valid(login: Login) -> None:
    profile = find_observations(login, "users/me/", 200, FIRST_PROFILE)
    own = Observation("novel 7", "own", FOUND)

    assert profile == {show_valid(login), Observation("user 2", "own", "Name v0|Bio v0")}
    assert find_observations(login, "novels/7/", 200) == {show_valid(login), own}
    assert find_observations(login, "novels/?owner=me", 200, {"results": [{"id": 7}]}) == {
        show_valid(login),
        own,
    }
    assert find_observations(login, "users/me/", 401) == {show_ended(login)}


def test_an_own_novel_is_missing_after_the_end_of_a_session_alone() -> None:
    assert find_observations(SESSION, "novels/7/", 404) == {show_ended(SESSION)}
    assert find_observations(TOKEN, "novels/7/", 404) == {Observation("novel 7", "own", ABSENT)}


def test_a_public_read_tells_nothing_about_a_session() -> None:
    public = find_observations(SESSION, "novels/5/", 200, CARD)

    assert find_observations(TOKEN, "novels/5/", 200, CARD) == public | {show_valid(TOKEN)}
    assert find_observations(TOKEN, "novels/5/", 401) == {show_ended(TOKEN)}
    assert find_observations(TOKEN, "novels/9/", 404) == {show_valid(TOKEN)}
    assert find_observations(SESSION, "novels/9/", 404) == set()


def test_a_private_novel_of_another_user_is_foreign() -> None:
    assert Observation("novel 9", FOREIGN, FOUND) in find_observations(SESSION, "novels/9/", 200)


def test_a_session_is_never_refused_where_anonymous_readers_are_not() -> None:
    reads: list[Read] = make_reads(ReadMaker(SCENE), SESSION, others=[])

    assert {read.path for read in reads if read.refused is not None} == {
        f"/api/v1/{path}"
        for path in ("users/me/", "users/me/dashboard/", "novels/?owner=me", "novels/7/")
    }


def test_all_clients_learn_the_logins_of_the_moment(tmp_path: Path) -> None:
    published = PublishedLogins(tmp_path)
    assert published.read() == []

    published.publish([TOKEN, SESSION])

    assert published.read() == [TOKEN, SESSION]
