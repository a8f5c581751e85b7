"""The sequence of requests: the same in every mode, and mixed as the table says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from perf.lab.example_requests import HttpRequest
from perf.lab.offload.mix import READS, WRITES, draw_requests


def make_novels(first: int) -> list[tuple[int, int, int]]:
    return [(first + number, 1 + number % 5, 3) for number in range(40)]


ROWS: dict[str, list[Any]] = {
    "novels": make_novels(1000),
    "private": make_novels(2000),
    "comics": [(number, 1 + number % 5) for number in range(1, 41)],
    "members": [(1,), (2,), (3,), (4,), (5,)],
    "word": [("whale",), ("white",)],
    "genre": [("horror",), ("romance",)],
    "language": [("en",), ("de",)],
    "ordering": [("title",)],
    "visibility": [("public",), ("private",)],
}
TOKENS = {user_id: f"token{user_id}" for (user_id,) in ROWS["members"]}


def draw(*, seed: int = 1, count: int = 4000) -> list[HttpRequest]:
    return [*draw_requests(ROWS, TOKENS, seed=seed, count=count)]


def test_the_same_numbers_give_the_same_requests() -> None:
    assert draw() == draw()
    assert draw(count=50) == draw()[:50]
    assert draw(seed=2) != draw()


def test_one_request_of_twenty_writes_and_one_reader_of_five_is_logged_in() -> None:
    requests = draw()
    reads = [request for request in requests if request.method == "GET"]

    share = sum(kind.anonymous + kind.members + kind.owners for kind in WRITES)
    assert round(share, 6) == 5
    shares = sum(kind.anonymous + kind.members + kind.owners for kind in (*READS, *WRITES))
    assert round(shares, 6) == 100
    assert 0.04 < 1 - len(reads) / len(requests) < 0.06
    assert 0.17 < sum("Authorization" in request.headers for request in reads) / len(reads) < 0.23


def test_popularity_follows_zipfs_law() -> None:
    paths = Counter(request.path for request in draw())

    first, fourth = (f"/api/v1/novels/{ROWS['novels'][rank][0]}/" for rank in (0, 3))
    assert paths[first] > 1.5 * paths[fourth]


def test_only_the_owner_reads_a_private_novel() -> None:
    owners = {f"/api/v1/novels/{novel_id}/": owner_id for novel_id, owner_id, _ in ROWS["private"]}
    private = [request for request in draw() if request.path in owners]

    assert private
    for request in private:
        token = TOKENS[owners[request.path]]
        assert request.headers["Authorization"] == f"Bearer {token}"
