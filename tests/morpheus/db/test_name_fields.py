"""Which names others can read."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from morpheus.db.name_fields import clean_imported_name, has_visible_character, validate_name

INVISIBLE = [
    "\u200b\u200b",  # Zero width space.
    "\u2060\ufeff",
    "\u200d\u200c",
    "\u00ad",
    "\x07\x1b",
    "\u202e\u202c",
    "\u2028\u2029",
    "\u0301\u0308",  # Combining, with nothing to combine with.
    "\u3164\uffa0",  # Hangul fillers.
    "\u2800",
    "\ufe0f",
    "\u00a0\u3000",
    "\U000e0041\U000e0042",  # Tags.
]
NAMES = [
    "Ann",
    "D'Arcy  Ann-Marie, 2nd",
    "Zoë",
    "Zoe\u0308",
    "می\u200cخواهم",
    "क्\u200dष",
    "ന്\u200d",  # The older spelling of a Malayalam letter, at the end of a word.
    "ᠠ\u180eᠠ",
    "👩\u200d👩\u200d👧",
    "❤\ufe0f\u200d🔥",
    "👍🏽",
    "\U0001fae9",  # Newer than Python 3.11.
    "שלום",
    "\u0601١٢",  # A sign that is seen, around a number.
    "7",
    "?",
]
HIDING = [
    "Ann\u202egpj.exe",
    *(f"A{chr(point)}n" for point in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))),
    "A\u200bn",
    "A\u200dn",
    "\u200dAnn",
    "Ann\u200c",
    "می\u200c ",
    "A\u00adn",
    "A\nn",
    "A\u2028n",
    "Ann\U000e0041",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_writing_is_accepted_and_kept_from_a_file(name: str) -> None:
    validate_name(name)

    assert clean_imported_name(name) == " ".join(name.split())


@pytest.mark.parametrize("name", INVISIBLE)
def test_a_name_of_which_nothing_is_seen_is_none(name: str) -> None:
    with pytest.raises(ValidationError, match="visible character"):
        validate_name(name)
    assert clean_imported_name(name) == ""


@pytest.mark.parametrize("name", HIDING, ids=ascii)
def test_invisible_characters_in_a_name_are_refused_and_removed_from_a_files(name: str) -> None:
    with pytest.raises(ValidationError, match="Remove the invisible characters: U\\+"):
        validate_name(name)

    validate_name(clean_imported_name(name))


def test_the_refusal_names_each_character_once() -> None:
    with pytest.raises(ValidationError) as refused:
        validate_name("\u202ea\u202eb\u2066")

    assert refused.value.messages == ["Remove the invisible characters: U+202E, U+2066."]


def test_a_file_loses_the_hidden_characters_and_keeps_the_needed_ones() -> None:
    assert clean_imported_name("\u202eمی\u200cخواهم\u200c \u200bx\ny") == "می\u200cخواهم x y"


@given(st.text())
def test_what_a_file_gives_is_a_name_or_nothing(text: Any) -> None:
    name = clean_imported_name(text)

    assert name == "" or has_visible_character(name)
    if name:
        validate_name(name)
