"""Fails every test whose requests send N+1 queries or duplicate queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from morpheus.tracing.events import on_requests_finished
from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.queries.redundant import RedundantQueries, find_redundant_queries

# Allowed exceptions by route and a part of the statement, with the reason.
ALLOWED: dict[tuple[str, str], str] = {}


class RedundantQueryWatch:
    """Watches the requests of a block.

    Attributes:
        redundant: Their redundant queries.
    """

    def __init__(self) -> None:
        self.redundant: list[RedundantQueries] = []
        self._sentences: list[str] = []

    def __enter__(self) -> RedundantQueryWatch:
        on_requests_finished.append(self._check)
        return self

    def __exit__(self, *error: Any) -> None:
        on_requests_finished.remove(self._check)

    def report(self) -> str:
        """Return one line per finding; empty without any."""
        return "\n".join(dict.fromkeys(self._sentences))

    def _check(self, requests: Sequence[FinishedRequest]) -> None:
        for request in requests:
            statements = request.trace.statements if request.trace else []
            for queries in find_redundant_queries(statements):
                if not _is_allowed(request.route, queries):
                    self.redundant.append(queries)
                    self._sentences.append(f"{request.route} sends a statement {queries}")


def _is_allowed(route: str, queries: RedundantQueries) -> bool:
    return any(route == name and part in queries.normalized.text for name, part in ALLOWED)
