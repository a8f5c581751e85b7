"""The sequence of requests: the same in every mode, and mixed as the table says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from perf.lab.offload.load import CLIENTS, Plan
from perf.lab.offload.mix import MIX, READS, WRITES, draw_sequence
from perf.lab.offload.requests import MixRequest
from perf.lab.offload.subjects import Comic, Novel, Subjects


def make_novels(first: int) -> list[Novel]:
    return [Novel(first + number, owner=1 + number % 5, chapters=3) for number in range(40)]


OF = Subjects(
    read=make_novels(1000),
    private=make_novels(2000),
    unfinished=make_novels(3000),
    reserved=make_novels(4000),
    comics=[Comic(number, 1 + number % 5, "0123456789abcdef") for number in range(1, 41)],
    members=[1, 2, 3, 4, 5],
    emails={number: f"reader{number}@example.org" for number in range(1, 6)},
    genres=["horror", "romance"],
    languages=["en", "de"],
    authors=["Jane Austen"],
    queries=["whale", "white whale"],
    seed=42,
)


def draw_requests(**options: int) -> list[MixRequest]:
    return list(draw_sequence(OF, **{"seed": 1, "client": 0, "count": 4000} | options))


def test_the_same_numbers_give_the_same_requests() -> None:
    assert draw_requests() == draw_requests()
    assert draw_requests(count=50) == draw_requests()[:50]
    assert draw_requests(client=1) != draw_requests()
    assert draw_requests(seed=2) != draw_requests()


def test_a_client_without_its_reads_sends_the_same_writes() -> None:
    plan = Plan(OF, seed=1, requests=8000, ports=[], tokens={})

    requests = [*plan.requests_of(3)]

    assert len(requests) == 8000 / CLIENTS
    writes = [request for request in requests if request.is_write]
    assert [*replace(plan, only_writes=True).requests_of(3)] == writes


def test_one_request_of_twenty_writes_and_one_reader_of_five_is_logged_in() -> None:
    requests = draw_requests()
    reads = [request for request in requests if not request.is_write]

    assert sum(row.anonymous + row.members for row in WRITES) == 5
    assert round(sum(row.anonymous + row.members for row in MIX), 6) == 100
    assert 0.04 < 1 - len(reads) / len(requests) < 0.06
    assert 0.17 < sum(request.reader is not None for request in reads) / len(reads) < 0.23
    assert {request.name for request in requests} == {row.name for row in (*READS, *WRITES)}


def test_popularity_follows_zipfs_law() -> None:
    paths = Counter(request.http.path for request in draw_requests() if request.name == "novel")

    first, fourth = (f"/api/v1/novels/{OF.read[rank].id}/" for rank in (0, 3))
    assert paths[first] > 1.5 * paths[fourth]


def test_a_novel_is_created_before_it_is_changed_and_deleted() -> None:
    life = [request for request in draw_requests() if request.name == "life of a novel"]
    steps = [
        request.worker_step[0] if request.worker_step else request.http.method for request in life
    ]

    assert steps[:5] == ["POST", "parse", "PATCH", "DELETE", "POST"]
    readers = {request.reader for request in life if not request.worker_step}
    assert len(readers) <= len(OF.members)
    assert [request.keeps_id for request in life][:2] == ["novel", ""]
