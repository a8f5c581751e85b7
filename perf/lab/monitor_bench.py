"""What observing costs: an uncached list request with all that observes it, and without each part.

The ways take turns, a few requests each, and are compared round by round: a busy machine slows all
of a round alike. Measured is this thread's CPU time; the database's work is not in it.
"""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import override_settings

from morpheus.cache.response_cache import FastLane
from morpheus.db.postgresql.base import DatabaseWrapper
from morpheus.serving.bulkheads import Bulkheads
from morpheus.tracing import on_answer, on_statement
from perf.lab.plans.capture import served_host

ROUNDS = 100
# So that a turn is longer than what a clock or an interrupt is wrong by.
REQUESTS = 5
URL = "/api/v1/novels/"

Ask = Callable[[], None]


class NotAnswered(Exception):
    """The list was not answered with 200."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one part of the observation takes of a request's CPU time.

    Attributes:
        us: Median over the rounds, of one request with the part minus one without it.
        spread_us: Between which the middle half of the rounds lies.
        quick_us: The quickest tenth of the rounds with it minus the quickest tenth without it: what
            others did to the machine only adds.
        percent: `us` of a request without it.
        quick_percent: `quick_us` of the quickest tenth without it.
    """

    part: str
    us: float
    spread_us: tuple[float, float]
    quick_us: float
    percent: float
    quick_percent: float


def costs(*, rounds: int = ROUNDS, requests: int = REQUESTS) -> tuple[float, list[Cost]]:
    """Return µs of a request as it is served, and what each part of the observation takes of it.

    At least two rounds.

    Raises:
        NotAnswered: The list is not to be had.
    """
    with override_settings(MORPHEUS_CACHE=False):
        whole = _asking(settings.MIDDLEWARE)
        for _ in range(10):  # Statements get prepared, and what is made once is made.
            whole()
        gc.collect()
        gc.freeze()  # Or collecting before each turn takes longer than the turn.
        found = _turns(whole, rounds, requests)
    served = found.pop("served")
    return _quick(served), [_cost(part, served, without) for part, without in found.items()]


def _turns(whole: Ask, rounds: int, requests: int) -> dict[str, list[float]]:
    """Return µs of a request by way, one for each round; all ways in each, in changing order."""
    bare = _asking([each for each in settings.MIDDLEWARE if "prometheus" not in each])
    ways: dict[str, tuple[Callable[[], Any], Ask]] = {
        "served": (ExitStack, whole),
        "the monitor": (_unobserved, whole),
        "of it, who is told": (_nobody_told, whole),
        "django-prometheus' cursors": (_uncounted, whole),
        "django-prometheus' middleware": (ExitStack, bare),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    names = [*ways]
    for at in range(rounds):
        for name in names[at % len(names) :] + names[: at % len(names)]:
            state, ask = ways[name]
            with state():
                ask()
                found[name].append(_us(ask, requests))
    return found


def _us(ask: Ask, requests: int) -> float:
    gc.collect()
    started = time.thread_time_ns()
    for _ in range(requests):
        ask()
    return (time.thread_time_ns() - started) / 1000 / requests


def _cost(part: str, served: Sequence[float], without: Sequence[float]) -> Cost:
    differences = [one - other for one, other in zip(served, without, strict=True)]
    low, middle, high = quantiles(differences, n=4)
    base_us = _quick(without)
    quick_us = _quick(served) - base_us
    return Cost(
        part,
        middle,
        (low, high),
        quick_us,
        percent=100 * middle / median(without),
        quick_percent=100 * quick_us / base_us,
    )


def _quick(rounds: Sequence[float]) -> float:
    # Of few rounds too it lies between what was measured.
    return quantiles(rounds, n=10, method="inclusive")[0]


def _asking(middleware: Sequence[str]) -> Ask:
    """Return what asks for the list as an anonymous client, through the whole application."""
    with override_settings(MIDDLEWARE=middleware):
        application = FastLane(WSGIHandler(), Bulkheads(settings.SERVER_THREADS).run)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": URL,
        "QUERY_STRING": "",
        "SERVER_NAME": served_host(),
        "SERVER_PORT": "443",
        "HTTP_HOST": served_host(),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
    }

    def ask() -> None:
        started: list[str] = []
        answer = application(environ.copy(), lambda status, headers: started.append(status))
        b"".join(answer)
        if close := getattr(answer, "close", None):
            close()
        if not started[0].startswith("200 "):
            raise NotAnswered(f"GET {URL}: {started[0]}")

    return ask


@contextmanager
def _nobody_told() -> Iterator[None]:
    told = on_answer[:], on_statement[:]
    on_answer.clear()
    on_statement.clear()
    try:
        yield
    finally:
        on_answer.extend(told[0])
        on_statement.extend(told[1])


@contextmanager
def _unobserved() -> Iterator[None]:
    """Give the cursors that Django has by itself, and tell nobody."""
    before = DatabaseWrapper.make_cursor
    DatabaseWrapper.make_cursor = lambda self, cursor: CursorWrapper(cursor, self)  # type: ignore[method-assign,assignment,return-value]
    try:
        with _nobody_told():
            yield
    finally:
        DatabaseWrapper.make_cursor = before  # type: ignore[method-assign]


@contextmanager
def _uncounted() -> Iterator[None]:
    """Take the counting away from the cursors that django-prometheus made for our connections."""
    with connection.cursor():
        counting = connection.connection.cursor_factory
    connection.close()
    execute = counting.execute
    del counting.execute
    try:
        yield
    finally:
        counting.execute = execute
