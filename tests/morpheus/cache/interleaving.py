"""Every order in which the steps of several actors can happen, one after the other.

Stateless exploration (as of Godefroid's VeriSoft, 1997): a schedule is run from the start; at its
end the last choice that has an alternative takes it. Actors are coroutines: one runs until it is
about to take its next step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from greenlet import greenlet

Pause = Callable[[], None]


class Actor:
    """Code that calls `pause` before each step that others may see."""

    def __init__(self, work: Callable[[Pause], Any]) -> None:
        self._code = greenlet(work)

    def step(self) -> None:
        """Let it take one step; return when it is about to take the next, or done."""
        # The argument of the first step is that of `work`.
        self._code.switch(self._code.parent.switch)

    @property
    def is_done(self) -> bool:
        return bool(self._code.dead)


def explore(begin: Callable[[], list[Callable[[Pause], Any]]]) -> Iterator[list[int]]:
    """Yield after each schedule of the actors that `begin` gives: whose turn each step was.

    `begin` makes the world anew; it is called once for each schedule.
    """
    choices: list[int] = []
    while True:
        schedule, widths = _run(begin(), choices)
        yield schedule
        # The last step at which another actor could have gone.
        while widths and choices[-1] + 1 >= widths[-1]:
            choices.pop()
            widths.pop()
        if not widths:
            return
        choices[-1] += 1


def _run(works: list[Callable[[Pause], Any]], choices: list[int]) -> tuple[list[int], list[int]]:
    """Follow `choices`, then always the first; extend them to a whole schedule."""
    actors = [Actor(work) for work in works]
    schedule: list[int] = []
    widths: list[int] = []
    while going := [index for index, actor in enumerate(actors) if not actor.is_done]:
        if len(widths) == len(choices):
            choices.append(0)
        index = going[choices[len(widths)]]
        widths.append(len(going))
        schedule.append(index)
        actors[index].step()
    return schedule, widths
