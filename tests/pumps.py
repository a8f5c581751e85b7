"""Inputs that may make a backtracking regular expression slow, built from its parse tree."""

from __future__ import annotations

import multiprocessing
import re
import signal
import time
from collections.abc import Iterator, Sequence
from itertools import product
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

SPAWN = multiprocessing.get_context("spawn")
SHORT_CHARS, LONG_CHARS = 5_000, 100_000
# CPU time for the long input: a quadratic expression needs several seconds, a linear one some
# milliseconds. Then the kernel ends the process.
DEADLINE_S = 1.0
# If the short input takes less, the long one is not tried.
UNSUSPICIOUS_S = 0.002
# The number of characters of a pattern that are combined in pairs; it bounds the inputs.
_MOST_SINGLE = 8
# So often a part may repeat in a pattern that is not tried.
_LONG_REPEAT = 10
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
# Ends that hardly any expression accepts; characters that stand for "any".
_ENDS = ("", "\0")
_OTHERS = "xX1 "
_CATEGORIES = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_SPACE: " \n",
    sre.CATEGORY_WORD: "aZ1_",
    sre.CATEGORY_NOT_DIGIT: "x ",
    sre.CATEGORY_NOT_SPACE: "x.",
    sre.CATEGORY_NOT_WORD: " .",
}


class Pump(NamedTuple):
    """A text: a prefix, a repeated part, a suffix."""

    prefix: str
    repeated: str
    suffix: str

    def of_length(self, chars: int) -> str:
        return self.prefix + self.repeated * (chars // len(self.repeated)) + self.suffix


class Case(NamedTuple):
    """A pattern, and the method that is applied, such as "findall"."""

    pattern: re.Pattern[Any]
    way: str


def can_be_slow(pattern: re.Pattern[Any]) -> bool:
    """Tell whether a part may repeat often; without, each place of a text takes bounded time."""
    return _has_long_repeat(_parse(pattern))


def pumps(pattern: re.Pattern[Any]) -> list[Pump]:
    """Return the inputs for a pattern: its characters one, two and three at a time."""
    tree = _parse(pattern)
    words = list(dict.fromkeys(_words(tree)))
    singles = list(dict.fromkeys("".join([*words, *_characters(tree)])))
    few = _spread(singles, _MOST_SINGLE)
    repeated = [*singles, *("".join(pair) for pair in product(few, few) if pair[0] != pair[1])]
    repeated += [word[:3] for word in words if len(word) > 1]
    repeated += [word[-3:] for word in words if len(word) > 3]
    repeated += ["".join(three) for three in product(few[:3], repeat=3) if len(set(three)) > 1]
    # A literal leads into the expression; a line end, into one that begins at a line.
    prefixes = list(dict.fromkeys(["", *words[:1], *few[:1]]))
    unique = dict.fromkeys(repeated)
    return [Pump(*parts) for parts in product(prefixes, unique, _ENDS)]


def find_slow_inputs(cases: Sequence[Case]) -> list[Pump | None]:
    """Return for each case a pump on which it takes longer than linear time, if there is one.

    In a child process, which the kernel ends: `re` holds the interpreter until it has a result.
    """
    inputs: list[Pump | None] = []
    place = SPAWN.Array("q", 2)
    while len(inputs) < len(cases):
        number = len(inputs)
        child = SPAWN.Process(target=_try_all, args=(cases[number:], place))
        child.start()
        child.join()
        if child.exitcode == 0:
            return [*inputs, *([None] * (len(cases) - number))]
        assert child.exitcode == -signal.SIGPROF, child.exitcode
        passed, pump = place[:]
        inputs += [None] * passed + [pumps(cases[number + passed].pattern)[pump]]
    return inputs


def _try_all(cases: Sequence[Case], place: Any) -> None:
    """Apply patterns to their pumps, whose place is told before."""
    for number, (pattern, way) in enumerate(cases):
        apply = getattr(pattern, way)
        is_bytes = isinstance(pattern.pattern, bytes)
        for index, pump in enumerate(pumps(pattern)):
            place[:] = number, index
            for chars in (SHORT_CHARS, LONG_CHARS):
                text = pump.of_length(chars)
                signal.setitimer(signal.ITIMER_PROF, DEADLINE_S)
                began = time.process_time()
                apply(text.encode("latin1", "replace") if is_bytes else text)
                if time.process_time() - began < UNSUSPICIOUS_S:
                    break
    signal.setitimer(signal.ITIMER_PROF, 0)


def _parse(pattern: re.Pattern[Any]) -> Any:
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin1")
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    return parser.parse(text, flags & ~re.DEBUG)


def _has_long_repeat(tree: Any) -> bool:
    return any(
        (operator in _REPEATS and value[1] > _LONG_REPEAT)
        or any(_has_long_repeat(branch) for branch in _branches(operator, value))
        for operator, value in tree
    )


def _spread(items: list[str], count: int) -> list[str]:
    """Return at most `count` of the items, evenly from all."""
    step = max(1, -(-len(items) // count))
    return items[::step]


def _words(tree: Any) -> Iterator[str]:
    """Yield the runs of literals."""
    run = ""
    for operator, value in tree:
        if operator is sre.LITERAL:
            run += chr(value)
            continue
        if run:
            yield run
            run = ""
        for branch in _branches(operator, value):
            yield from _words(branch)
    if run:
        yield run


def _characters(tree: Any) -> Iterator[str]:
    """Yield characters that the expression tells apart."""
    for operator, value in tree:
        if operator in (sre.LITERAL, sre.NOT_LITERAL):
            yield chr(value) if operator is sre.LITERAL else _OTHERS
        elif operator is sre.ANY:
            yield _OTHERS
        elif operator is sre.IN:
            yield "".join(_members(value))
        for branch in _branches(operator, value):
            yield from _characters(branch)


def _members(items: Any) -> Iterator[str]:
    for operator, value in items:
        if operator is sre.LITERAL:
            yield chr(value)
        elif operator is sre.RANGE:
            yield chr(value[0]) + chr(value[1])
        elif operator is sre.CATEGORY:
            yield _CATEGORIES[value]
        elif operator is sre.NEGATE:
            yield _OTHERS


def _branches(operator: Any, value: Any) -> list[Any]:
    if operator is sre.BRANCH:
        return list(value[1])
    if operator is sre.SUBPATTERN:
        return [value[3]]
    if operator in _REPEATS:
        return [value[2]]
    if operator in (sre.ASSERT, sre.ASSERT_NOT):
        return [value[1]]
    if operator is sre.ATOMIC_GROUP:
        return [value]
    return []
