"""What a warm answer costs beside constant bytes of its size, and beside an uncached one.

The servers are started once and asked by turns, so that a busy machine slows all alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass
from statistics import median

from .client import Connection
from .databases import copy
from .hammer import Pace, pace
from .modes import OFF, OURS
from .prepared import Work, empty_caches
from .servers import CONSTANT, servers
from .visit import API

ROUNDS = 4
SECONDS = 1.5
# Before the first round: the cache fills, statements get prepared.
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Compared:
    """One GET of three servers; medians over the rounds.

    Attributes:
        size_bytes: Of the warm answer as it is sent, perhaps compressed.
    """

    name: str
    size_bytes: int
    warm: Pace
    constant: Pace
    uncached: Pace


def compared(work: Work, *, seconds: float = SECONDS) -> Iterator[Compared]:
    """Yield the pace of public and private GETs, warm, of constant bytes, and uncached."""
    empty_caches()
    with ExitStack() as stack:
        url = stack.enter_context(
            copy(work.admin_url, of=work.template, name=work.copy_name("warm"))
        )
        [ours] = stack.enter_context(servers(OURS.environment(os.environ, url), count=1))
        [off] = stack.enter_context(servers(OFF.environment(os.environ, url), count=1))
        [constant] = stack.enter_context(servers(os.environ, count=1, application=CONSTANT))
        for name, path, headers in _requests(work):
            with closing(Connection(ours)) as asking:
                asking.exchange("GET", path, headers).require_ok()  # Now it is kept.
                size = len(asking.exchange("GET", path, headers).require_ok().body)
            targets = [(ours, path), (constant, f"/{size}"), (off, path)]
            for port, target in targets:
                pace(port, target, headers, seconds=min(WARM_UP_S, seconds))
            rounds = [
                [pace(port, target, headers, seconds=seconds) for port, target in targets]
                for _ in range(ROUNDS)
            ]
            yield Compared(name, size, *(_median(list(of)) for of in zip(*rounds, strict=True)))


def _requests(work: Work) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield name, path and headers of what is asked."""
    novel, private = work.of.read[0], work.of.private[0]
    browser = {"Accept-Encoding": "gzip"}
    token = browser | {"Authorization": f"Bearer {work.tokens[private.owner]}"}
    yield "novel", f"{API}/novels/{novel.id}/", browser
    yield "list of novels", f"{API}/novels/", browser
    yield "chapter", f"{API}/novels/{novel.id}/chapters/1/", browser
    yield "novel, logged in", f"{API}/novels/{novel.id}/", token
    yield "private novel, its owner", f"{API}/novels/{private.id}/", token
    yield "dashboard", f"{API}/users/me/dashboard/", token


def _median(paces: list[Pace]) -> Pace:
    return Pace(*(median(figures) for figures in zip(*map(astuple, paces), strict=True)))
