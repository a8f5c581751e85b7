"""The guarantee of docs/caching.md, in every order of the steps that readers and writers take.

The engine is the real one, with the real server; the database is one committed number. Every actor
is a process of its own. A step is a command to the server, the reading of the number, or a commit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest

from morpheus.cache import batch_read, cached_reads, tagged_commit
from morpheus.cache.policies import CachePolicy
from morpheus.cache.store import CacheStore, cache_store, has_write_intent
from tests.morpheus.cache.interleaving import explore

Pause = Callable[[], None]
Actor = Callable[[Pause], None]
Explore = Callable[..., tuple[int, int]]

_own: ContextVar[Process] = ContextVar("_own")
_tokens = itertools.count()


class Crash(Exception):
    """The process is killed."""


class Process(CacheStore):
    """The engine of a process of its own, which pauses before each command."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(cache_store().client)
        self._is_current = True
        self.pause = pause

    def _run_script(self, *arguments: Any) -> Any:
        self.pause()
        return super()._run_script(*arguments)

    def fill(self, *arguments: Any) -> None:
        self.pause()
        super().fill(*arguments)

    @contextmanager
    def running(self) -> Iterator[Process]:
        token = _own.set(self)
        try:
            yield self
        finally:
            _own.reset(token)


class World:
    """One number and its reads."""

    _identities = itertools.count()

    def __init__(self, policy: CachePolicy, process: type[Process] = Process) -> None:
        self.policy, self.process = policy, process
        self.identity = next(World._identities)
        self.tag = f"number:{self.identity}"
        self.committed = self.acknowledged = 0
        self.is_stale = False

    def read(self, pause: Pause) -> None:
        at_least = self.acknowledged

        def load() -> int:
            pause()
            return self.committed

        with self.process(pause).running():
            value = cached_reads.read(self.policy, self.identity, tags=[self.tag], load=load)
        self.is_stale |= value < at_least

    def write(
        self, pause: Pause, *, crash_at: int | None = None, acknowledge_early: bool = False
    ) -> None:
        steps = itertools.count(1)

        def step() -> None:
            if next(steps) == crash_at:
                raise Crash
            pause()

        def commit() -> None:
            step()
            self.committed += 1
            self.mine = self.committed
            if acknowledge_early:
                self.acknowledged = self.committed

        with self.process(step).running():
            try:
                tagged_commit.commit_and_invalidate(self, commit)
            except Crash:
                return
        self.acknowledged = max(self.acknowledged, self.mine)

    def lose_tag(self, pause: Pause) -> None:
        """Evict the tag, or the mark that is in its place."""
        cache_store().client.run(lambda prefix: [("DEL", f"{prefix}t:{self.tag}")])

    def lose_value(self, pause: Pause) -> None:
        key = self.policy.key(self.identity, None)
        cache_store().client.run(lambda prefix: [("DEL", prefix + key)])

    def settle(self) -> None:
        """Let marks of crashed writers expire; then nothing old may be left."""
        if has_write_intent(cache_store().read_versions([self.tag])[self.tag]):
            self.lose_tag(lambda: None)
        self.acknowledged = self.committed
        self.read(lambda: None)


@pytest.fixture
def explore_schedules(
    make_policy: Callable[..., CachePolicy], monkeypatch: pytest.MonkeyPatch
) -> Explore:
    """Return the number of schedules with a stale read, and of all schedules."""
    # One actor at a time: they can share a connection, where threads have their own.
    monkeypatch.setattr(cache_store().client, "_local", SimpleNamespace())
    for module in (batch_read, cached_reads, tagged_commit):
        monkeypatch.setattr(module, "cache_store", lambda: _own.get())
    monkeypatch.setattr(tagged_commit, "_read_collected_tags", lambda world: [world.tag])
    policy = make_policy()

    def run(
        actors: Callable[[World], list[Actor]],
        *,
        is_warm: bool = True,
        process: type[Process] = Process,
    ) -> tuple[int, int]:
        worlds: list[World] = []

        def begin() -> list[Actor]:
            worlds.append(World(policy, process))
            if is_warm:
                worlds[-1].read(lambda: None)
            return actors(worlds[-1])

        schedules = 0
        for _ in explore(begin):
            worlds[-1].settle()
            schedules += 1
        return sum(world.is_stale for world in worlds), schedules

    return run


def writer(world: World, **how: Any) -> Actor:
    def write(pause: Pause) -> None:
        world.write(pause, **how)

    return write


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize(
    "actors",
    [
        lambda world: [world.write, world.read],
        lambda world: [world.write, world.read, world.lose_tag],
        lambda world: [world.write, world.read, world.lose_value],
        lambda world: [world.write, world.write],
        *(
            lambda world, crash_at=crash_at: [writer(world, crash_at=crash_at), world.read]
            for crash_at in (1, 2, 3)
        ),
        lambda world: [writer(world, crash_at=3), world.write],
        lambda world: [writer(world, crash_at=3), world.read, world.lose_value],
    ],
)
def test_no_order_of_steps_shows_anything_old(
    explore_schedules: Explore, actors: Any, is_warm: bool
) -> None:
    stale, schedules = explore_schedules(actors, is_warm=is_warm)

    assert schedules > 1
    assert stale == 0


def intent_writer(world: World) -> Actor:
    """Return a writer that has set its write intents."""
    token = f"writer-{next(_tokens)}"
    cache_store().set_write_intents([world.tag], token)

    def write(pause: Pause) -> None:
        pause()
        world.committed += 1
        mine = world.committed
        pause()
        cache_store().invalidate([world.tag], token)
        world.acknowledged = max(world.acknowledged, mine)

    return write


def test_two_writers_at_once_leave_nothing_old_to_a_reader(explore_schedules: Explore) -> None:
    stale, schedules = explore_schedules(
        lambda world: [intent_writer(world), intent_writer(world), world.read]
    )

    assert schedules > 200
    assert stale == 0


class WithoutWriteIntents(Process):
    def set_write_intents(self, tags: Any, token: str) -> None:
        pass


class WithVersionsReadLate(Process):
    def fill(self, values: Any, ttl_s: Any) -> None:
        now = {key: (self.read_versions([*versions]), payload)
               for key, (versions, payload) in values.items()}  # fmt: skip
        super().fill(now, ttl_s)


def test_without_write_intents_a_crash_after_the_commit_leaves_a_stale_value(
    explore_schedules: Explore,
) -> None:
    stale, _ = explore_schedules(
        lambda world: [writer(world, crash_at=2), world.read], process=WithoutWriteIntents
    )

    assert stale


def test_with_versions_read_after_the_database_a_slow_reader_brings_the_old_back(
    explore_schedules: Explore,
) -> None:
    stale, _ = explore_schedules(
        lambda world: [world.write, world.read], process=WithVersionsReadLate, is_warm=False
    )

    assert stale


def test_with_the_response_before_the_invalidation_there_is_a_stale_read(
    explore_schedules: Explore,
) -> None:
    stale, _ = explore_schedules(
        lambda world: [writer(world, acknowledge_early=True), world.read],
        process=WithoutWriteIntents,
    )

    assert stale
