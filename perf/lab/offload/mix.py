"""The requests of a storefront and of members' dashboards: the mix, and its sequences."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from perf.seeding.chance import draws

from . import writes
from .requests import MixRequest, Visit
from .subjects import Subjects

NOVEL_ORDERINGS = ["created_at", "title", "-title", "word_count", "-word_count"]


@dataclass(frozen=True)
class Row:
    """A kind of request.

    Attributes:
        anonymous, members: Its share of all requests in percent, by the caller.
        revalidates: Share of them whose client still has the response and sends its entity tag.
    """

    name: str
    make: Callable[[Visit], MixRequest]
    anonymous: float
    members: float
    revalidates: float = 0.0


def _novels_query(visit: Visit) -> dict[str, object]:
    """Half of all requests are for the plain list, the others have a filter or an ordering."""
    kind, draw, of = visit.draw(), visit.draw, visit.of
    if kind < 0.5:
        return {}
    if kind < 0.7:
        return {"genre": of.popular(of.genres, draw)}
    if kind < 0.78:
        return {"language": of.popular(of.languages, draw)}
    if kind < 0.83:
        genre, language = of.popular(of.genres, draw), of.popular(of.languages, draw)
        return {"genre": genre, "language": language}
    if kind < 0.88:
        return {"author": of.popular(of.authors, draw)}
    if kind < 0.92:
        return {"owner": of.popular(of.members, draw)}
    return {"ordering": of.popular(NOVEL_ORDERINGS, draw)}


def _novels_first_page(visit: Visit) -> MixRequest:
    return visit.read("GET /novels/", query=_novels_query(visit), listing="novels")


def _comics_first_page(visit: Visit) -> MixRequest:
    query = {} if visit.draw() < 0.8 else {"ordering": "title"}
    return visit.read("GET /comics/", query=query, listing="comics")


def _comics_of_novel(visit: Visit) -> MixRequest:
    novel_id = visit.popular_novel()["novel_id"]
    return visit.read("GET /comics/", query={"novel": novel_id})


def _thumbnail(visit: Visit) -> MixRequest:
    comic = visit.of.popular(visit.of.comics, visit.draw)
    query = {"size": "medium", "v": comic.version}
    return visit.read("GET /comics/{comic_id}/thumbnail/", {"comic_id": comic.id}, query=query)


def _search(visit: Visit) -> MixRequest:
    return visit.read("GET /search/", query={"q": visit.of.popular(visit.of.queries, visit.draw)})


def _own_status(visit: Visit) -> MixRequest:
    novel = visit.of.popular(visit.of.unfinished, visit.draw)
    route = "GET /novels/{novel_id}/status/"
    return visit.read(route, {"novel_id": novel.id}, reader=novel.owner)


def _own_private_novel(visit: Visit) -> MixRequest:
    novel = visit.own_novel()
    return visit.read("GET /novels/{novel_id}/", {"novel_id": novel.id}, reader=novel.owner)


def _own_private_chapter(visit: Visit) -> MixRequest:
    novel = visit.own_novel()
    values = {"novel_id": novel.id, "number": 1 + int(visit.draw() * novel.chapters)}
    return visit.read("GET /novels/{novel_id}/chapters/{number}/", values, reader=novel.owner)


NOVEL, CHAPTERS = "GET /novels/{novel_id}/", "GET /novels/{novel_id}/chapters/"
STATUS, TEXT = "GET /novels/{novel_id}/status/", "GET /novels/{novel_id}/chapters/{number}/"
COMIC, PANELS = "GET /comics/{comic_id}/", "GET /comics/{comic_id}/panels/"
MINE = {"owner": "me"}

# Percent of all requests. Four readers of five are anonymous. A page of the shop is one or two
# calls: the catalogue is a list; a novel's page is the novel and its chapters, at times its comics;
# a gallery is a list and its thumbnails, of which a browser has most already (`immutable`). One
# visitor of the catalogue in four turns a page, and one of these in four turns another. Browsers
# that come back with a fresh copy revalidate it (`no-cache`); most visitors of a novel are there
# for the first time. Members look at their dashboard and poll the status of a parse.
READS = (
    #                                                                    anonymous members again
    Row("novels first page", _novels_first_page,                                12.0, 1.5, 0.3),
    Row("novels next page", lambda v: v.read_next("GET /novels/", "novels"),     4.0, 0.5),
    Row("novel", lambda v: v.read(NOVEL, v.popular_novel()),                    14.0, 1.5, 0.1),
    Row("chapter list", lambda v: v.read(CHAPTERS, v.popular_novel()),           9.0, 1.0, 0.1),
    Row("chapter text", lambda v: v.read(TEXT, v.popular_chapter()),            14.0, 1.5, 0.1),
    Row("public status", lambda v: v.read(STATUS, v.popular_novel()),            1.0, 0.0),
    Row("comics first page", _comics_first_page,                                 4.0, 0.3, 0.3),
    Row("comics of novel", _comics_of_novel,                                     2.0, 0.2),
    Row("comics next page", lambda v: v.read_next("GET /comics/", "comics"),     1.0, 0.0),
    Row("comic", lambda v: v.read(COMIC, v.popular_comic()),                     4.0, 0.2, 0.1),
    Row("panels", lambda v: v.read(PANELS, v.popular_comic()),                   4.0, 0.3, 0.1),
    Row("thumbnail", _thumbnail,                                                 4.5, 0.5),
    Row("search", _search,                                                       2.5, 0.5),
    Row("dashboard", lambda v: v.read("GET /users/me/dashboard/"),               0.0, 3.5, 0.3),
    Row("own novels", lambda v: v.read("GET /novels/", query=MINE),              0.0, 1.5, 0.1),
    Row("own comics", lambda v: v.read("GET /comics/", query=MINE),              0.0, 0.5, 0.1),
    Row("profile", lambda v: v.read("GET /users/me/"),                           0.0, 2.0, 0.3),
    Row("own status", _own_status,                                               0.0, 2.0, 0.5),
    Row("own private novel", _own_private_novel,                                 0.0, 0.9, 0.1),
    Row("own private chapter", _own_private_chapter,                             0.0, 0.6, 0.1),
)  # fmt: skip

# Five of a hundred. A parse writes its progress about ten times for each upload; a comic gets
# several panels for each title; people log in more often than they rename anything.
WRITES = (
    #                                                                    anonymous members
    Row("status step", writes.status_step,                                       0.0, 2.00),
    Row("new panel", writes.new_panel,                                           0.0, 0.80),
    Row("life of a comic", writes.life_of_a_comic,                               0.0, 0.40),
    Row("life of a novel", writes.life_of_a_novel,                               0.0, 0.40),
    Row("login", writes.login,                                                   0.4, 0.00),
    Row("change synopsis", writes.change_synopsis,                               0.0, 0.30),
    Row("change comic", writes.change_comic,                                     0.0, 0.30),
    Row("change title", writes.change_title,                                     0.0, 0.15),
    Row("change name", writes.change_name,                                       0.0, 0.15),
    Row("change visibility", writes.change_visibility,                           0.0, 0.10),
)  # fmt: skip

MIX = (*READS, *WRITES)


def draw_sequence(of: Subjects, *, seed: int, client: int, count: int) -> Iterator[MixRequest]:
    """Yield the requests of one client: the same ones for the same rows and numbers.

    Nothing depends on a response, so every mode gets the same requests.
    """
    draw = draws(seed, "visitor", client)
    kinds = [(row, is_member) for row in MIX for is_member in (False, True)]
    shares = [row.members if is_member else row.anonymous for row, is_member in kinds]
    bounds = list(accumulate(shares))
    turns: Counter[str] = Counter()
    for _ in range(count):
        row, is_member = kinds[bisect_right(bounds, draw() * bounds[-1])]
        member = of.popular(of.members, draw) if is_member else None
        revalidates = draw() < row.revalidates
        request = row.make(Visit(of, draw, member, client, turns[row.name]))
        turns[row.name] += 1
        yield replace(request, name=row.name, is_write=row in WRITES, revalidates=revalidates)
