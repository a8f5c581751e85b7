"""Functions that tests run in child processes."""

from __future__ import annotations

import ctypes
import os
import re
import time
from collections.abc import Callable
from typing import Any


def echo(value: Any) -> Any:
    return value


def spin() -> None:
    while True:
        pass


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def regex() -> None:
    """Stay in C, where no Python handler of a signal runs."""
    re.fullmatch("(a*)*b", "a" * 60)


def fill(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))


def segv(*args: Any) -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(7)


def refuse(message: str) -> None:
    raise ValueError(message)


class Unreadable(Exception):
    """Its pickle cannot be read: the arguments of the base are not its own."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"Unreadable: {second}")


def refuse_unreadably() -> None:
    raise Unreadable(1, 2)


def unpicklable() -> Any:
    return lambda: None


def steps(count: int, *, progress: Callable[[int], None]) -> str:
    for step in range(count):
        progress(step)
    return "done"


def write(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def environment() -> dict[str, str]:
    return dict(os.environ)


def processes() -> tuple[int, int, list[int]]:
    """Return this process, the one that forked it, and the cores it may use."""
    return os.getpid(), os.getppid(), sorted(os.sched_getaffinity(0))


def tell_and_sleep(*, progress: Callable[[int], None]) -> None:
    progress(os.getpid())
    time.sleep(600)


def spin_on(*args: Any, **kwargs: Any) -> None:
    spin()


def sleep_on(*args: Any, **kwargs: Any) -> None:
    time.sleep(600)
