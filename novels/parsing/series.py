"""Among lines that read like headings, choose those that are the book's chapters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from novels.parsing.heading_words import LAST_WORDS, fold
from novels.parsing.headings import Heading

# How far ahead a missing number is searched; avoids quadratic time on hostile files.
_LOOK_AHEAD: Final = 200
# A series of bare numbers may begin here: the first chapter of some books has no heading.
_LATEST_BARE_START: Final = 2
# More missing numbers than this are no misprint.
_MOST_BARE_GAP: Final = 3
# Fewer headings with a word may be text, if bare numbers are so many times more.
_FEWEST_SURE: Final = 4
_MANY_TIMES: Final = 3
_KNOWN_TIMES: Final = 5


def choose_headings(heads: Sequence[Heading]) -> list[Heading]:
    """Return the headings of chapters and of parts that hold them, in order.

    Numbers must run: a stray "Chapter 3." in the text or a numbered list makes no chapter.
    """
    containers = _containers(heads)
    parts = [part.position for part in containers]
    keyword, bare = _keyword_series(heads, parts), _bare_series(heads, parts)
    # A few lines of text that begin with "Letter" are no chapters beside a long series.
    is_stray = len(keyword) < _FEWEST_SURE and len(keyword) * _MANY_TIMES <= len(bare)
    chapters = _with_gaps_filled(keyword, heads) if keyword and not is_stray else bare
    containers = _without_mentions(containers, chapters)
    return sorted([*chapters, *containers], key=lambda head: (head.position, not head.is_container))


def _containers(heads: Sequence[Heading]) -> list[Heading]:
    """Return parts, books and volumes; each kind has its own numbers, which may restart."""
    kinds = defaultdict(list)
    for head in heads:
        if head.is_container:
            kinds[head.kind].append(head)
    running = [head for candidates in kinds.values() for head in _sure(candidates, [])]
    return sorted(running, key=lambda head: head.position)


def _without_mentions(containers: list[Heading], chapters: Sequence[Heading]) -> list[Heading]:
    """Drop "BOOK I. (Folio) …" inside of a chapter: its numbers go on as if it were not there."""
    if len(chapters) < 2:
        return containers
    kept = list(containers)
    places = [chapter.position for chapter in chapters]
    for kind in {head.kind for head in containers}:
        positions = [head.position for head in containers if head.kind == kind]
        first = bisect_left(places, positions[0])
        restarts = any(
            chapters[after].number == 1
            for position in positions
            if 0 < (after := bisect_left(places, position)) < len(chapters)
        )
        # A part stands before its first chapter, or its chapters begin again at 1.
        if first > 1 and not restarts:
            kept = [head for head in kept if head.kind != kind]
    return kept


def _keyword_series(heads: Sequence[Heading], parts: list[int]) -> list[Heading]:
    """Return the longest series with a word ("Chapter"), and other series that stand outside."""
    series = defaultdict(list)
    for head in heads:
        if head.kind != "bare" and not head.is_container:
            series[head.kind].append(head)
    runs = [_sure(candidates, parts) for candidates in series.values()]
    runs = [run for run in runs if run]
    # Sections and scenes are inside of chapters, if there are chapters.
    ordered = sorted(
        runs, key=lambda run: (run[0].kind != "section" and len(run) > 1, len(run)), reverse=True
    )
    chosen = next(iter(ordered), [])
    for other in ordered[1:]:
        # Frankenstein's letters come before its chapters; a letter inside a chapter is its text.
        apart = other[-1].position < chosen[0].position or other[0].position > chosen[-1].position
        if apart and other[0].number in (1, None) and len(other) > 1:
            chosen = sorted([*chosen, *other], key=lambda head: head.position)
    return chosen


def _sure(candidates: Sequence[Heading], parts: list[int]) -> list[Heading]:
    """Return the series in candidates of one kind.

    Among many numbers, words that are not known as numbers are text, unless they fill a gap.
    """
    unknown = sum(head.number is None for head in candidates)
    fills_gaps = unknown * _KNOWN_TIMES <= len(candidates)
    run = _running(candidates, parts, fills_gaps=fills_gaps)
    return run if len(run) > 1 or any(head.number for head in run) else []


def _running(
    heads: Sequence[Heading], parts: list[int], *, fills_gaps: bool = True
) -> list[Heading]:
    """Return the headings whose numbers go on, or begin again at 1 or in a new part.

    A misprint (III, VI, V) counts as the number that it stands for; `parts` are sorted positions.
    """
    chosen: list[Heading] = []
    number: int | None = None
    for index, head in enumerate(heads):
        later = heads[index + 1 : index + _LOOK_AHEAD]
        if not chosen:
            if head.number is None and fills_gaps:
                continue
            # A higher number may be a mention in a preface.
            starts_later = any(each.number == 1 for each in later[:20])
            may_be_first = head.kind != "bare" or head.number == _LATEST_BARE_START
            if head.number in (1, None) or (may_be_first and not starts_later):
                number, chosen = head.number, [head]
            continue
        before = bisect_right(parts, chosen[-1].position)
        new_part = bisect_right(parts, head.position) > before
        if head.number is None and fills_gaps and number is not None:
            after = later[0].number if later else None
            is_last = fold(head.label.split()[-1]) in LAST_WORDS
            follows, number = (is_last or after == number + 2), number
            number += follows
        else:
            follows, number = _next_number(number, head, later, new_part=new_part)
        if follows:
            chosen.append(head)
    return chosen


def _next_number(
    last: int | None, head: Heading, later: Sequence[Heading], *, new_part: bool
) -> tuple[bool, int | None]:
    """Return whether a heading goes on with a series, and the series' number after it."""
    if head.number is None or last is None:
        return True, head.number if last is None else last + 1
    expected = last + 1
    if head.number == expected:
        return True, expected
    if head.number == 1:
        restarts = head.kind != "bare" or new_part or _begins_again(expected, later)
        return (True, 1) if restarts else (False, last)
    until_restart = takewhile(lambda each: each.number != 1, later)
    is_expected_later = any(each.number == expected for each in until_restart)
    if not is_expected_later and later and later[0].number == expected + 1:
        return True, expected
    if head.kind == "bare":
        small_gap = expected < head.number <= last + _MOST_BARE_GAP
        goes_on = bool(later) and later[0].number == head.number + 1
        fits = small_gap and goes_on and not is_expected_later
    else:
        fits = new_part or (head.number > last and not is_expected_later)
    return (True, head.number) if fits else (False, last)


def _begins_again(expected: int, later: Sequence[Heading]) -> bool:
    """Return whether 2 comes before the number that the old series expects."""
    for each in later:
        if each.number == expected and expected != 2:
            return False
        if each.number == 2:
            return expected > 2
    return False


def _with_gaps_filled(chapters: list[Heading], heads: Sequence[Heading]) -> list[Heading]:
    """Add titled bare numbers that continue the series: ADVENTURE VI, then VII. TITLE."""
    filled: list[Heading] = []
    done = 0
    for head in heads:
        if done < len(chapters) and head is chapters[done]:
            filled.append(head)
            done += 1
        elif head.kind == "bare" and head.form.endswith("titled") and filled:
            expected = (filled[-1].number or 0) + 1
            open_gap = done == len(chapters) or (chapters[done].number or 0) > expected
            if head.number == expected and open_gap:
                filled.append(head)
    return filled


def _bare_series(heads: Sequence[Heading], parts: list[int]) -> list[Heading]:
    """Return the longest run 1, 2, 3 … of numbers that look alike, more or less."""
    forms = defaultdict(list)
    for head in heads:
        if head.kind == "bare":
            for form in (head.form, head.form.split()[0], "any"):
                forms[form].append(head)
    runs = [_running(candidates, parts) for candidates in forms.values()]
    # The first of equals: those that look most alike.
    longest = max(runs, key=len, default=[])
    return longest if len(longest) > 1 else []
