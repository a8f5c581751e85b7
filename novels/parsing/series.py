"""Among lines that read like headings, choose those that are the book's chapters."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from novels.parsing.headings import Heading

# How far ahead a missing number is searched; avoids quadratic time on hostile files.
_LOOK_AHEAD: Final = 200


def choose_headings(heads: Sequence[Heading]) -> list[Heading]:
    """Return the headings of chapters and of parts that hold them, in order.

    Numbers must run: a stray "Chapter 3." in the text or a numbered list makes no chapter.
    """
    containers = _containers(heads)
    parts = [part.position for part in containers]
    keyword = _keyword_series(heads, parts)
    chapters = _with_gaps_filled(keyword, heads) if keyword else _bare_series(heads, parts)
    return sorted([*chapters, *containers], key=lambda head: (head.position, not head.is_container))


def _containers(heads: Sequence[Heading]) -> list[Heading]:
    """Return parts, books and volumes; each kind has its own numbers, which may restart."""
    kinds = defaultdict(list)
    for head in heads:
        if head.is_container:
            kinds[head.kind].append(head)
    running = [head for candidates in kinds.values() for head in _running(candidates, [])]
    return sorted(running, key=lambda head: head.position)


def _keyword_series(heads: Sequence[Heading], parts: list[int]) -> list[Heading]:
    """Return the longest series with a word ("Chapter"), and other series that stand outside."""
    series = defaultdict(list)
    for head in heads:
        if head.kind != "bare" and not head.is_container:
            series[head.kind].append(head)
    ordered = sorted(
        (_running(candidates, parts) for candidates in series.values()), key=len, reverse=True
    )
    chosen = next(iter(ordered), [])
    for other in ordered[1:]:
        # Frankenstein's letters come before its chapters; a letter inside a chapter is its text.
        apart = other[-1].position < chosen[0].position or other[0].position > chosen[-1].position
        if apart and other[0].number in (1, None) and len(other) > 1:
            chosen = sorted([*chosen, *other], key=lambda head: head.position)
    return chosen


def _running(heads: Sequence[Heading], parts: list[int]) -> list[Heading]:
    """Return the headings whose numbers go on, or begin again at 1 or in a new part."""
    chosen: list[Heading] = []
    for index, head in enumerate(heads):
        if not chosen or _follows(chosen[-1], head, heads[index + 1 : index + _LOOK_AHEAD], parts):
            chosen.append(head)
    return chosen


def _follows(last: Heading, head: Heading, later: Sequence[Heading], parts: list[int]) -> bool:
    if head.number is None or last.number is None or head.number == last.number + 1:
        return True
    if head.number == 1 or _is_new_part(last, head, parts):
        return True
    if head.number <= last.number:
        # A misprint that repeats a number: the one after goes on as if it had been right.
        return head.number == last.number and bool(later) and later[0].number == last.number + 2
    expected = last.number + 1
    for following in later:
        if following.number == expected:
            return False
        if following.number == 1:
            break
    return True


def _is_new_part(last: Heading, head: Heading, parts: list[int]) -> bool:
    """Return whether a part begins between two headings; `parts` are sorted positions."""
    return bisect_right(parts, head.position) > bisect_right(parts, last.position)


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
    """Return the longest run 1, 2, 3 … of numbers that look alike."""
    forms = defaultdict(list)
    for head in heads:
        if head.kind == "bare":
            forms[head.form].append(head)
    runs = [_chain(candidates, parts) for candidates in forms.values()]
    longest = max(runs, key=len, default=[])
    return longest if len(longest) > 1 else []


def _chain(heads: Sequence[Heading], parts: list[int]) -> list[Heading]:
    chain: list[Heading] = []
    for head in heads:
        expected = (chain[-1].number or 0) + 1 if chain else 1
        again = bool(chain) and head.number == 1 and _is_new_part(chain[-1], head, parts)
        if head.number == expected or again:
            chain.append(head)
    return chain
