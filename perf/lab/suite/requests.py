"""Time every route over HTTP, on a server without a cache and on a warm one, by turns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import partial

from tqdm import tqdm

from perf.lab.example_catalogue import EXAMPLES, example
from perf.lab.example_requests import Conversation, ExampleRequest
from perf.lab.harness.http_client import Connection, Response
from perf.lab.mail_tokens import add_mail_token
from perf.lab.plans.capture import RequestFailed
from perf.lab.plans.recorded_requests import operator_requests, warm_reads
from perf.lab.suite.callers import EXPLAINED, SuiteCallers
from perf.lab.suite.timing import Measurement
from perf.monitoring.budgets import budgets

COLD, WARM = "cold", "warm"
# They fill the cache and prepare statements, and do not count.
WARM_UP_ROUNDS = 8
EXPLAINED_WITHIN_S = 10.0

_READS = [sent for sent in EXAMPLES if not sent.reads_tables]
_WRITES = [sent for sent in EXAMPLES if not sent.is_read]
_GOOD = (200, 201, 202, 204)


class RouteTimer:
    """Sends every example to both servers, and times each response."""

    def __init__(self, callers: SuiteCallers, connections: Mapping[str, Connection]) -> None:
        self._callers, self._connections = callers, connections
        self._reads = [*warm_reads(), *_READS, *operator_requests()]
        self.measurements: dict[tuple[str, str], Measurement] = {}

    def run_round(self, turn: str) -> None:
        """Send everything once.

        Raises:
            RequestFailed: A response is an error.
        """
        self.explain_request()
        routes = budgets().routes
        for sent in self._reads:
            for temperature in self._connections:
                # A route without a cache policy is as cold on the other server.
                if temperature == COLD or routes[sent.route].is_cached:
                    self._send(sent, temperature, self._callers.reads)
        for temperature in self._connections:
            talk = self._callers.start_writes(f"{turn}{temperature}")
            for sent in _WRITES:
                add_mail_token(talk, sent)
                response = self._send(sent, temperature, talk, note=turn)
                talk.keep_credentials(sent, response.body, response.cookies)
                talk.keep_id(sent, response.body)

    def explain_request(self, *, wait: bool = False) -> None:
        """Have each server explain a request again: later explanations replace it."""
        reads = self._callers.reads
        profile = example("GET /users/me/").build(reads.values, headers=reads.headers["staff"])
        profile.headers.update({"X-Explain": "1", "X-Request-ID": EXPLAINED})
        explanation = reads.build(example("GET /perf/requests/{identifier}/"))
        for connection in self._connections.values():
            connection.exchange(profile)
            deadline = time.monotonic() + EXPLAINED_WITHIN_S
            while wait and connection.exchange(explanation).status == 404:
                if time.monotonic() > deadline:
                    raise RequestFailed("No request is explained in time.")
                time.sleep(0.05)

    def _send(
        self, sent: ExampleRequest, temperature: str, talk: Conversation, *, note: str = ""
    ) -> Response:
        # A profile that does not change would invalidate nothing.
        body = {"bio": note} if sent.route == "PATCH /users/me/" else None
        request = talk.build(sent, body=body)
        measurement = self.measurements.setdefault(
            (sent.heading, temperature), Measurement(sent.route, sent.heading, temperature)
        )
        exchange = partial(self._connections[temperature].exchange, request)
        response = measurement.measure(exchange)
        if response.status not in _GOOD:
            raise RequestFailed(
                f"{sent.heading}, {temperature}: {response.status} {response.body[:300]!r}"
            )
        return response


def time_routes(
    callers: SuiteCallers, ports: Mapping[str, int], *, rounds: int
) -> list[Measurement]:
    """Time every route so many times on each server.

    Args:
        ports: Of the servers, by temperature.

    Raises:
        RequestFailed: A response is an error.
    """
    with ExitStack() as stack:
        connections = {
            temperature: stack.enter_context(closing(Connection(port)))
            for temperature, port in ports.items()
        }
        timer = RouteTimer(callers, connections)
        timer.explain_request(wait=True)
        # On a terminal alone.
        for number in tqdm(range(-WARM_UP_ROUNDS, rounds), "routes", disable=None, leave=False):
            if number == 0:
                timer.measurements.clear()
            timer.run_round(f"perf{number}")
    return list(timer.measurements.values())
