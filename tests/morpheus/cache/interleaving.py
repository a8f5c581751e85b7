"""Every order in which the steps of several actors can happen, one after the other.

Stateless exploration (as of Godefroid's VeriSoft, 1997): a schedule is run from the start; at its
end the last choice that has an alternative takes it. Actors are threads of which one runs at a
time, until it is about to take its next step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

_PATIENCE_S = 20.0

Pause = Callable[[], None]


class Actor:
    """Code that calls `pause` before each step that others may see."""

    def __init__(self, work: Callable[[Pause], Any]) -> None:
        self._turn, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.is_done = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[work])
        self._thread.start()

    def step(self) -> None:
        """Let it take one step; return when it is about to take the next, or done."""
        self._turn.release()
        assert self._stopped.acquire(timeout=_PATIENCE_S), "an actor waits for another one"
        if self.is_done:
            self._thread.join()
        if self.error:
            raise self.error

    def _run(self, work: Callable[[Pause], Any]) -> None:
        self._wait()
        try:
            work(self._pause)
        except BaseException as error:  # noqa: BLE001 - shown by `step`
            self.error = error
        self.is_done = True
        self._stopped.release()

    def _pause(self) -> None:
        self._stopped.release()
        self._wait()

    def _wait(self) -> None:
        assert self._turn.acquire(timeout=_PATIENCE_S)


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
