"""What an answer was composed of, so that it can be kept under the same tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# Where the request's environment holds its recording, when it has been answered.
DEPENDENCIES = "morpheus.recording"


class Dependencies:
    """Tags and versions of all cached values that were read.

    Attributes:
        is_complete: Whether nothing else went into the answer: no statement outside of the loading
            of a cached value, no value that could not be cached, no tag in two versions.
        is_of_absence: Whether one of the values says that there is nothing.
    """

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.is_complete = True
        self.is_of_absence = False
        self.hits = 0
        self.misses = 0

    def depend(self, versions: Mapping[str, str]) -> None:
        """Note what a value that was read depends on."""
        for tag, version in versions.items():
            if self.versions.setdefault(tag, version) != version:
                self.is_complete = False

    def spoil(self) -> None:
        """Note that something went into the answer that is under no tag."""
        self.is_complete = False

    def observe(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Wrap the execution of statements: one that loads no cached value spoils the answer."""
        if not _loading.get():
            self.is_complete = False
        return execute(sql, params, many, context)


_current: ContextVar[Dependencies | None] = ContextVar("_current", default=None)
_loading: ContextVar[bool] = ContextVar("_loading", default=False)


@contextmanager
def record_dependencies() -> Iterator[Dependencies]:
    """Record what the block reads from the cache."""
    record = Dependencies()
    token = _current.set(record)
    try:
        yield record
    finally:
        _current.reset(token)


def current_dependencies() -> Dependencies | None:
    """Return the recording of the current request, if there is one."""
    return _current.get()


@contextmanager
def loading_cached_value() -> Iterator[None]:
    """Take the statements of the block for the loading of a cached value."""
    token = _loading.set(True)
    try:
        yield
    finally:
        _loading.reset(token)
