"""Names that are shown to others: visible, and in the order in which they are written."""

from __future__ import annotations

from typing import Any
from unicodedata import category, combining

from django.core.exceptions import ValidationError
from django.db import models

# Letters and symbols by their category that show nothing: Hangul fillers and the blank of Braille.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# Format characters that words are written with: between letters of Persian, Hindi or Mongolian, and
# between the parts of one emoji.
_JOINERS = frozenset("\u200c\u200d\u180e")
# Format characters that show something: signs around Arabic, Syriac and Kaithi numbers.
_SHOWN = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Canonical combining class of the sign that takes a consonant's vowel off; a joiner after it, also
# at the end of a word, says how the consonant looks.
_VIRAMA = 9


def has_visible_character(text: str) -> bool:
    """Return whether any character shows by itself: no space, format, control or combining one."""
    return any(
        # Emoji that are newer than this Python are unassigned to it.
        (category(char)[0] in "LNPS" or category(char) in ("Cn", "Co")) and char not in _BLANK
        for char in text
    )


def find_hidden_characters(text: str) -> list[int]:
    """Return the positions of control and format characters that no word of `text` needs.

    Among them are those that turn the direction of the text, so that it reads as another.
    """
    return [
        at
        for at, char in enumerate(text)
        if category(char) in ("Cc", "Cf", "Zl", "Zp")
        and char not in _SHOWN
        and not (char in _JOINERS and _is_joined(text[at - 1 : at], text[at + 1 : at + 2]))
    ]


def _is_joined(before: str, after: str) -> bool:
    """Return whether a joiner here is a part of a word; no word in ASCII needs one."""
    if not _is_of_word(before) or before.isascii():
        return False
    return combining(before) == _VIRAMA or _is_of_word(after)


def _is_of_word(char: str) -> bool:
    return bool(char) and (category(char)[0] in "LMNS" or category(char) == "Cn")


def validate_name(name: str) -> None:
    """Refuse a name that nothing is seen of, or that has hidden characters; for fields and forms.

    Raises:
        ValidationError: The message names the characters to take out.
    """
    if not has_visible_character(name):
        raise ValidationError("Use at least one visible character.", code="invisible")
    if hidden := find_hidden_characters(name):
        points = dict.fromkeys(f"U+{ord(name[at]):04X}" for at in hidden)
        raise ValidationError(
            f"Remove the invisible characters: {', '.join(points)}.", code="hidden_characters"
        )


def clean_imported_name(text: str | None) -> str:
    """Return a name that a file gives as `validate_name` takes it; "" if nothing is seen of it."""
    characters = [*(text or "")]
    for at in find_hidden_characters(text or ""):
        characters[at] = "" if category(characters[at]) == "Cf" else " "
    name = " ".join("".join(characters).split())
    return name if has_visible_character(name) else ""


class NameField(models.CharField):  # type: ignore[type-arg]
    """A column of names. Migrations know a `CharField`: the validator is no part of the table."""

    default_validators = [*models.CharField.default_validators, validate_name]

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs
