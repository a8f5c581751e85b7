"""Hard-wrapped prose is joined; verse keeps its lines."""

from __future__ import annotations

import textwrap

from novels.parsing.paragraphs import lay_out, reflow

PROSE = (
    "Nobody in the village had seen the old man since the night of the great storm, and nobody "
    "asked for him, because the winter had been long and every house had troubles of its own."
)


def test_wrapped_prose_becomes_one_line() -> None:
    assert reflow(tuple(textwrap.wrap(PROSE, 60)), 60) == [PROSE]


def test_verse_keeps_its_lines_and_loses_its_margin() -> None:
    verse = ("    How doth the little crocodile", "      Improve his shining tail,")

    assert reflow(verse, 70) == ["How doth the little crocodile\n  Improve his shining tail,"]


def test_an_address_keeps_its_lines() -> None:
    assert reflow(("Your brother,", "Robert Walton"), 70) == ["Your brother,\nRobert Walton"]


def test_an_indented_letter_in_prose_is_joined() -> None:
    lines = tuple(f"     {line}" for line in textwrap.wrap(PROSE, 55))

    assert reflow(lines, 60) == [PROSE]


def test_an_indented_line_opens_a_paragraph() -> None:
    wrapped = textwrap.wrap(PROSE, 60)

    assert reflow((*wrapped, f"   {wrapped[0]}", *wrapped[1:]), 60) == [PROSE, PROSE]


def test_dashes_at_the_end_of_a_line_join_without_space() -> None:
    line = "x" * 50

    assert reflow((f"{line} well-", f"known {line}--", "and so"), 60) == [
        f"{line} well-known {line}--and so"
    ]


def test_underscores_of_italics_and_pictures_captions_are_dropped() -> None:
    layout = lay_out("He _really_ said snake_case.\n\n[Illustration: A long\n\ncaption]\n\nEnd.", 9)

    assert [reflow(block, 70) for block in layout.blocks] == [
        ["He really said snake_case."],
        ["End."],
    ]
