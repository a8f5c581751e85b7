"""The sequence of requests: the same in every mode, and mixed as the table says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from perf.lab.offload.load import VISITORS, Plan
from perf.lab.offload.mix import MIX, READS, WRITES, asked_first, sequence
from perf.lab.offload.subjects import Comic, Novel, Subjects
from perf.lab.offload.visit import WORKER, Request


def novels(first: int) -> list[Novel]:
    return [Novel(first + number, owner=1 + number % 5, chapters=3) for number in range(40)]


OF = Subjects(
    read=novels(1000),
    private=novels(2000),
    unfinished=novels(3000),
    reserved=novels(4000),
    comics=[Comic(number, 1 + number % 5, 4, "0123456789abcdef") for number in range(1, 41)],
    members=[1, 2, 3, 4, 5],
    emails={number: f"reader{number}@example.org" for number in range(1, 6)},
    genres=["horror", "romance"],
    languages=["en", "de"],
    authors=["Jane Austen"],
    queries=["whale", "white whale"],
    seed=42,
)


def requests(**options):
    return list(sequence(OF, **{"seed": 1, "visitor": 0, "count": 4000} | options))


def test_the_same_numbers_give_the_same_requests():
    assert requests() == requests()
    assert requests(count=50) == requests()[:50]
    assert requests(visitor=1) != requests()
    assert requests(seed=2) != requests()


def test_without_its_reads_a_visit_writes_the_same():
    plan = Plan(OF, seed=1, requests=8000, ports=[], tokens={}, environment={}, folder="")

    made = [*plan.of_visitor(3)]

    assert len(made) == 8000 / VISITORS
    assert [*replace(plan, only_writes=True).of_visitor(3)] == [one for one in made if one.is_write]


def test_what_nobody_asked_for_before_is_counted_by_kind():
    def get(path, reader=None, **fields):
        return Request("GET", path, reader, name="list", **fields)

    before = [get("/a/"), get("/me/", 1), get("/c/", is_write=True)]
    made = [get("/a/", 2), get("/me/", 1), get("/me/", 2), get("/me/", 2)]

    assert asked_first(before, made) == {"list": 1 / 4}
    assert asked_first([], [get("/a/"), get("/a/"), get("/a/", goes_on=True)]) == {"list": 1 / 2}


def test_one_request_of_twenty_writes_and_one_reader_of_five_is_logged_in():
    made = requests()
    readers = [one for one in made if not one.is_write]

    assert sum(row.strangers + row.members for row in WRITES) == 5
    assert round(sum(row.strangers + row.members for row in MIX), 6) == 100
    assert 0.04 < 1 - len(readers) / len(made) < 0.06
    assert 0.17 < sum(one.reader is not None for one in readers) / len(readers) < 0.23
    assert {one.name for one in made} == {row.name for row in (*READS, *WRITES)}


def test_what_is_popular_is_asked_for_by_zipfs_law():
    seen = Counter(one.path for one in requests() if one.name == "novel")

    assert seen[f"/api/v1/novels/{OF.read[0].id}/"] > 1.5 * seen[f"/api/v1/novels/{OF.read[3].id}/"]


def test_a_novel_and_a_comic_are_made_before_they_are_changed_and_deleted():
    lives = [one for one in requests() if one.name == "life of a novel"]
    methods = [one.method for one in lives][:5]

    assert methods == ["POST", WORKER, "PATCH", "DELETE", "POST"]
    assert len({one.reader for one in lives if one.method != WORKER}) <= len(OF.members)
    assert [one.keeps for one in lives][:2] == ["novel", ""]
