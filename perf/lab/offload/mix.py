"""What a storefront and its members' dashboards ask: the mix, and the sequence made of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from perf.seeding.chance import draws

from . import reads, writes
from .subjects import Subjects
from .visit import Request, Visit


@dataclass(frozen=True)
class Row:
    """A kind of request.

    Attributes:
        strangers, members: Its share of all requests in percent, by who asks.
        again: Share of them whose browser still has the answer and asks whether it changed.
    """

    request: Callable[[Visit], Request]
    strangers: float
    members: float
    again: float = 0.0

    @property
    def name(self) -> str:
        return self.request.__name__.replace("_", " ")


# Percent of all requests. Four readers of five are strangers. A page of the shop is one or two
# calls: the catalogue is a list; a novel's page is the novel and its chapters, at times its comics;
# a gallery is a list and its thumbnails, of which a browser has most already (`immutable`). One
# visitor of the catalogue in four turns a page, and of those one in four again. Browsers that come
# back within their cache's life revalidate (`no-cache`); most visitors of a novel are there for the
# first time. Members look at their dashboard and poll what is being parsed.
READS = (
    #                                  strangers members  again
    Row(reads.novels_first_page,            12.0,    1.5,   0.3),
    Row(reads.novels_next_page,              4.0,    0.5,   0.0),
    Row(reads.novel,                        14.0,    1.5,   0.1),
    Row(reads.chapter_list,                  9.0,    1.0,   0.1),
    Row(reads.chapter_text,                 14.0,    1.5,   0.1),
    Row(reads.public_status,                 1.0,    0.0,   0.0),
    Row(reads.comics_first_page,             4.0,    0.3,   0.3),
    Row(reads.comics_of_novel,               2.0,    0.2,   0.0),
    Row(reads.comics_next_page,              1.0,    0.0,   0.0),
    Row(reads.comic,                         4.0,    0.2,   0.1),
    Row(reads.panels,                        4.0,    0.3,   0.1),
    Row(reads.thumbnail,                     4.5,    0.5,   0.0),
    Row(reads.search,                        2.5,    0.5,   0.0),
    Row(reads.dashboard,                     0.0,    3.5,   0.3),
    Row(reads.own_novels,                    0.0,    1.5,   0.1),
    Row(reads.own_comics,                    0.0,    0.5,   0.1),
    Row(reads.profile,                       0.0,    2.0,   0.3),
    Row(reads.own_status,                    0.0,    2.0,   0.5),
    Row(reads.own_private_novel,             0.0,    0.9,   0.1),
    Row(reads.own_private_chapter,           0.0,    0.6,   0.1),
)  # fmt: skip

# Five of a hundred. A parse writes its progress some ten times for each upload; a comic gets
# several panels for each title; people log in more often than they rename anything.
WRITES = (
    #                                   strangers members
    Row(writes.status_step,                   0.0,   2.00),
    Row(writes.new_panel,                     0.0,   0.80),
    Row(writes.life_of_a_comic,               0.0,   0.40),
    Row(writes.life_of_a_novel,               0.0,   0.40),
    Row(writes.login,                         0.4,   0.00),
    Row(writes.change_synopsis,               0.0,   0.30),
    Row(writes.change_comic,                  0.0,   0.30),
    Row(writes.change_title,                  0.0,   0.15),
    Row(writes.change_name,                   0.0,   0.15),
    Row(writes.change_visibility,             0.0,   0.10),
)  # fmt: skip

MIX = (*READS, *WRITES)


def sequence(of: Subjects, *, seed: int, visitor: int, count: int) -> Iterator[Request]:
    """Yield the requests of one visitor: the same ones for the same rows and numbers.

    Nothing is drawn from an answer, so what one mode is asked, every other is asked as well.
    """
    draw = draws(seed, "visitor", visitor)
    kinds = [(row, is_member) for row in MIX for is_member in (False, True)]
    shares = [row.members if is_member else row.strangers for row, is_member in kinds]
    bounds = list(accumulate(shares))
    turns: Counter[str] = Counter()
    for _ in range(count):
        row, is_member = kinds[bisect_right(bounds, draw() * bounds[-1])]
        member = of.popular(of.members, draw) if is_member else None
        revalidates = draw() < row.again
        made = row.request(Visit(of, draw, member, visitor, turns[row.name]))
        turns[row.name] += 1
        yield replace(made, name=row.name, is_write=row in WRITES, revalidates=revalidates)


def asked_first(before: Iterable[Request], requests: Iterable[Request]) -> dict[str, float]:
    """Return the share of each kind of reading request that nobody has made before.

    What no cache can know. Those that read on from wherever a visitor is are left out.
    """
    seen = {_asked(one) for one in before if _is_known(one)}
    made: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for one in filter(_is_known, requests):
        made[one.name] += 1
        if (asked := _asked(one)) not in seen:
            first[one.name] += 1
            seen.add(asked)
    return {name: first[name] / count for name, count in made.items()}


def _is_known(request: Request) -> bool:
    return not request.is_write and not request.goes_on


def _asked(request: Request) -> tuple[str, int | None]:
    """Return what tells an answer from others: of one's own, who asks, too."""
    is_own = "/me/" in request.path or "=me" in request.path
    return request.path, request.reader if is_own else None
