"""Many clients that ask at once for one value that no cache has: who asks the database."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from urllib.parse import quote

from .client import Connection
from .database_time import DatabaseTime
from .databases import copy
from .hammer import at_once
from .modes import OFF, OURS, Mode
from .prepared import Work, empty_caches
from .servers import servers
from .visit import API, JSON_TYPE

CLIENTS = 200
PROCESSES = 2


@dataclass(frozen=True)
class Rush:
    """What came of it.

    Attributes:
        good: Answers that were 200.
        queries: Reading statements that ran, all together.
        most: How often that one ran which ran most often.
    """

    mode: Mode
    name: str
    good: int
    queries: int
    most: int


def rushes(work: Work) -> Iterator[Rush]:
    """Yield what is asked of the database with our cache, and without one."""
    for mode in (OURS, OFF):
        name = work.copy_name("rush")
        with ExitStack() as stack:
            url = stack.enter_context(copy(work.admin_url, of=work.template, name=name))
            # Hits that are asked again to compare them are nobody's waiting.
            environment = mode.environment(os.environ, url) | {"MORPHEUS_CACHE_SHADOW_PERCENT": "0"}
            ports = stack.enter_context(servers(environment, count=PROCESSES))
            database = stack.enter_context(closing(DatabaseTime(work.admin_url, name)))
            for title, path in _wanted(work):
                # The servers' connections and statements are ready.
                at_once(ports, path, {}, clients=CLIENTS)
                empty_caches()
                yield _rush(mode, f"{title}, lost", database, ports, path)
                _change(ports[0], work)
                yield _rush(mode, f"{title}, changed", database, ports, path)


def _wanted(work: Work) -> Iterator[tuple[str, str]]:
    yield "novel", f"{API}/novels/{work.of.read[0].id}/"
    yield "list of novels", f"{API}/novels/"
    yield "search", f"{API}/search/?q={quote(work.of.queries[0])}"


def _rush(mode: Mode, title: str, database: DatabaseTime, ports: list[int], path: str) -> Rush:
    database.reset()
    answers = at_once(ports, path, {}, clients=CLIENTS)
    calls = [one.calls for one in database.statements() if one.kind == "read"]
    good = sum(answer.status == 200 for answer in answers)
    return Rush(mode, title, good, sum(calls), max(calls, default=0))


def _change(port: int, work: Work) -> None:
    """Give the most popular novel another title: its card, its list and all searches change."""
    novel = work.of.read[0]
    headers = {
        "Authorization": f"Bearer {work.tokens[novel.owner]}",
        "Content-Type": JSON_TYPE,
    }
    body = json.dumps({"title": "Another title"}).encode()
    with closing(Connection(port)) as writing:
        writing.exchange("PATCH", f"{API}/novels/{novel.id}/", headers, body).require_ok()
