"""Fails each test whose requests ask the database in a loop, or twice the same."""

from __future__ import annotations

from typing import Any

from morpheus.tracing import FinishedRequest, on_request_finished
from perf.monitoring.queries.waste import Waste, waste_of
from perf.monitoring.queries.watching import shape

# What is right as it is, by route and a part of the statement, with the reason.
ALLOWED: dict[tuple[str, str], str] = {}


class Watch:
    """Looks at the requests of a block.

    Attributes:
        wasted: What they wasted.
    """

    def __init__(self) -> None:
        self.wasted: list[Waste] = []
        self._said: list[str] = []

    def __enter__(self) -> Watch:
        on_request_finished.append(self._look)
        return self

    def __exit__(self, *error: Any) -> None:
        on_request_finished.remove(self._look)

    def complaint(self) -> str:
        """Return what was wasted, a line each; empty if nothing was."""
        return "\n".join(dict.fromkeys(self._said))

    def _look(self, answer: FinishedRequest) -> None:
        if answer.trace is None:
            return
        statements = answer.trace.statements
        for waste in waste_of(statements, [shape(statement) for statement in statements]):
            if not _is_allowed(answer.route, waste):
                self.wasted.append(waste)
                self._said.append(f"{answer.route} sends a statement {waste}")


def _is_allowed(route: str, waste: Waste) -> bool:
    return any(route == name and part in waste.shape.text for name, part in ALLOWED)
