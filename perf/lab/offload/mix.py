"""The requests of a storefront and of members' dashboards, drawn by share and popularity."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, product
from typing import Any, NamedTuple

import psycopg
from django.core.management.base import CommandError

from perf.lab.example_catalogue import example
from perf.lab.example_requests import HttpRequest, bearer
from perf.seeding.chance import Draw, Skewed, draws

Rows = Mapping[str, Sequence[Any]]

# Zipf's law with exponent 1, the usual assumption for popularity; a smaller exponent makes every
# cache look worse, a larger one better.
EXPONENT = 1.0
_make_skew = lru_cache(Skewed)
NOVELS = "SELECT id, owner_id, chapter_count FROM novels_novel WHERE chapter_count > 0"
# Public novels and comics, private novels, users, and values for queries and bodies.
QUERIES = {
    "novels": f"{NOVELS} AND is_public ORDER BY id",
    "private": f"{NOVELS} AND NOT is_public ORDER BY id",
    "comics": "SELECT id, owner_id FROM comics_comic WHERE is_public AND cover_id > 0 ORDER BY id",
    "members": "SELECT id FROM users_user ORDER BY id",
    "word": "SELECT DISTINCT substring(lower(title) FROM '[a-z]{4,}') AS word FROM novels_novel"
    " WHERE is_public AND title ~ '[a-z]{4,}' ORDER BY word",
    "genre": "SELECT slug FROM novels_genre ORDER BY slug",
    "language": "SELECT code FROM novels_language ORDER BY code",
    "ordering": "VALUES ('created_at'), ('title'), ('-title'), ('word_count'), ('-word_count')",
    "visibility": "VALUES ('public'), ('private')",
}


class Kind(NamedTuple):
    """A kind of request and its share of all requests in percent, by the caller.

    Attributes:
        route: Of an example request.
        owners: Share of the owner of the novel or comic that the request names.
        query, body: Instead of the example's; `{name}` stands for a drawn value.
        is_private: Whether the novel is private.
    """

    route: str
    anonymous: float = 0.0
    members: float = 0.0
    owners: float = 0.0
    query: Mapping[str, str] = {}
    body: Mapping[str, str] = {}
    is_private: bool = False


# Four readers of five are anonymous. A page of the shop is one or two calls: the catalogue is a
# list; a novel's page is the novel and its chapters, at times its comics; a gallery is a list and
# its thumbnails. Members look at their dashboard and poll the status of a parse.
READS = (
    Kind("GET /novels/", 8.0, 1.0),
    Kind("GET /novels/", 4.0, 0.5, query={"genre": "{genre}"}),
    Kind("GET /novels/", 2.0, 0.3, query={"genre": "{genre}", "language": "{language}"}),
    Kind("GET /novels/", 2.0, 0.2, query={"ordering": "{ordering}"}),
    Kind("GET /novels/", members=1.5, query={"owner": "me"}),
    Kind("GET /novels/{novel_id}/", 14.0, 1.5),
    Kind("GET /novels/{novel_id}/", owners=0.9, is_private=True),
    Kind("GET /novels/{novel_id}/chapters/", 9.0, 1.0),
    Kind("GET /novels/{novel_id}/chapters/{number}/", 14.0, 1.5),
    Kind("GET /novels/{novel_id}/chapters/{number}/", owners=0.6, is_private=True),
    Kind("GET /novels/{novel_id}/status/", 1.0),
    Kind("GET /novels/{novel_id}/status/", owners=2.0, is_private=True),
    Kind("GET /comics/", 4.2, 0.3),
    Kind("GET /comics/", 0.8, query={"ordering": "title"}),
    Kind("GET /comics/", 2.0, 0.2, query={"novel": "{novel_id}"}),
    Kind("GET /comics/", members=0.5, query={"owner": "me"}),
    Kind("GET /comics/{comic_id}/", 4.0, 0.2),
    Kind("GET /comics/{comic_id}/panels/", 4.0, 0.3),
    Kind("GET /comics/{comic_id}/thumbnail/", 4.5, 0.5),
    Kind("GET /search/", 2.5, 0.5, query={"q": "{word}"}),
    Kind("GET /users/me/dashboard/", members=3.5),
    Kind("GET /users/me/", members=2.0),
)
# A comic gets several panels for each title.
WRITES = (
    Kind("POST /comics/{comic_id}/panels/", owners=2.0, body={"caption": "{text}"}),
    Kind("PATCH /comics/{comic_id}/", owners=0.6, body={"title": "{text}"}),
    Kind("POST /comics/", members=0.6, body={"title": "{text}"}),
    Kind("PATCH /novels/{novel_id}/", owners=0.8, body={"synopsis": "{text}"}),
    Kind("PATCH /novels/{novel_id}/", owners=0.4, body={"title": "{text}"}),
    Kind(
        "PATCH /novels/{novel_id}/", 0, 0, 0.2, body={"visibility": "{visibility}"}, is_private=True
    ),
    Kind("PATCH /users/me/", members=0.4, body={"bio": "{text}"}),
)


def load_rows(database_url: str, *, seed: int) -> Rows:
    """Read the rows past row level security, the most popular first; the seed decides which.

    Raises:
        CommandError: Seed first.
    """
    loaded = {}
    with psycopg.connect(database_url) as database:
        for name, query in QUERIES.items():
            draw = draws(seed, "popularity", name)
            rows = database.execute(query.encode()).fetchall()
            loaded[name] = [row for _, row in sorted((draw(), row) for row in rows)]
            if not loaded[name]:
                raise CommandError(f"There are no rows for {name!r}: seed more.")
    return loaded


def draw_requests(
    rows: Rows, tokens: Mapping[int, str], *, seed: int, count: int
) -> Iterator[HttpRequest]:
    """Yield requests: the same ones for the same rows, tokens and numbers.

    No write hides a public row, so no read is a 404.
    """
    draw = draws(seed, "requests")
    kinds = [*product((*READS, *WRITES), ("anonymous", "members", "owners"))]
    bounds = [*accumulate(getattr(kind, callers) for kind, callers in kinds)]
    for number in range(count):
        kind, callers = kinds[bisect_right(bounds, draw() * bounds[-1])]
        users, values = _draw_values(kind, rows, draw)
        values["text"] = f"Text {number}"
        query, body = (
            {name: value.format(**values) for name, value in fields.items()}
            for fields in (kind.query, kind.body)
        )
        headers = {"Accept-Encoding": "gzip"}
        if callers in users:
            headers |= bearer(tokens[users[callers]])
        yield example(kind.route).build(values, query=query, body=body, headers=headers)


def _draw_values(kind: Kind, rows: Rows, draw: Draw) -> tuple[dict[str, int], dict[str, Any]]:
    """Return users by kind of caller, and values for the request."""
    drawn = {
        name: things[_make_skew(len(things), EXPONENT).rank(draw)] for name, things in rows.items()
    }
    novel_id, owner_id, chapters = drawn["private" if kind.is_private else "novels"]
    comic_id, artist_id = drawn["comics"]
    users = {
        "members": drawn["members"][0],
        "owners": artist_id if "{comic_id}" in kind.route else owner_id,
    }
    # Many readers begin a book, few end it.
    number = 1 + int(draw() ** 2 * chapters)
    values = {name: row[0] for name, row in drawn.items()}
    return users, values | {"novel_id": novel_id, "comic_id": comic_id, "number": number}
