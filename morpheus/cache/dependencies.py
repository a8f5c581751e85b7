"""The tags and versions that a response depends on, so that it is cached under the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Keys of the WSGI environment that hold what a finished request depended on, and its `Credential`.
DEPENDENCIES = "morpheus.dependencies"
CREDENTIAL = "morpheus.credential"


class Dependencies:
    """Tags and versions of all cached values that went into a response.

    Attributes:
        is_complete: Whether nothing else went into it: no statement outside of loading a cached
            value, no value that bypassed the cache, no tag in two versions.
        includes_absence: Whether one of the values is absent (None or an empty page).
    """

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.is_complete = True
        self.includes_absence = False
        self.hits = 0
        self.misses = 0

    def add(self, versions: Mapping[str, str]) -> None:
        """Add the versions of a value's tags."""
        for tag, version in versions.items():
            if self.versions.setdefault(tag, version) != version:
                self.is_complete = False

    def joined(self, other: Dependencies) -> Dependencies:
        """Return the dependencies of what depends on both."""
        both = Dependencies()
        both.is_complete = self.is_complete and other.is_complete
        both.includes_absence = self.includes_absence or other.includes_absence
        both.add(self.versions)
        both.add(other.versions)
        return both


@dataclass(frozen=True, slots=True)
class Credential:
    """A token or session that authenticated a caller.

    Attributes:
        expires_at: In seconds since the epoch.
        dependencies: Those of the authentication alone.
        token_id: None for a session.
    """

    user_id: int
    expires_at: float
    dependencies: Dependencies
    token_id: int | None = None


_current: ContextVar[Dependencies | None] = ContextVar("_current", default=None)
_is_loading: ContextVar[bool] = ContextVar("_is_loading", default=False)


@contextmanager
def record_dependencies() -> Iterator[Dependencies]:
    """Record what the block reads from the cache."""
    dependencies = Dependencies()
    token = _current.set(dependencies)
    try:
        yield dependencies
    finally:
        _current.reset(token)


def current_dependencies() -> Dependencies:
    """Return the dependencies of the current request; outside of one, new ones."""
    return _current.get() or Dependencies()


def observe_statement() -> None:
    """Note that a statement is executed: outside of loading, it has no tags."""
    if (dependencies := _current.get()) is not None and not _is_loading.get():
        dependencies.is_complete = False


@contextmanager
def loading_cached_value() -> Iterator[None]:
    """Count the statements of the block as part of loading a cached value."""
    token = _is_loading.set(True)
    try:
        yield
    finally:
        _is_loading.reset(token)
