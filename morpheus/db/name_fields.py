"""Names that other users see: with visible characters and without hidden ones."""

from __future__ import annotations

from typing import Any
from unicodedata import category, combining

from django.core.exceptions import ValidationError
from django.db import models

# Letters and symbols by category that are blank: Hangul fillers and the blank of Braille.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# Format characters that words need: between letters of Persian, Hindi or Mongolian, and between the
# parts of an emoji.
_JOINERS = frozenset("\u200c\u200d\u180e")
# Visible format characters: signs around Arabic, Syriac and Kaithi numbers.
_VISIBLE_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Canonical combining class of the sign that removes a consonant's vowel. A joiner after it, even at
# the end of a word, changes the consonant's shape.
_VIRAMA = 9


def has_visible_character(text: str) -> bool:
    """Return whether a character is visible alone: no space, format, control or combining one."""
    return any(
        # Emoji newer than this Python have the category of unassigned characters.
        (category(char)[0] in "LNPS" or category(char) in ("Cn", "Co")) and char not in _BLANK
        for char in text
    )


def find_hidden_characters(text: str) -> list[int]:
    """Return the positions of control and format characters that no word of `text` needs.

    These include characters that change the direction of text, so that it reads as another text.
    """
    return [
        at
        for at, char in enumerate(text)
        if category(char) in ("Cc", "Cf", "Zl", "Zp")
        and char not in _VISIBLE_FORMATS
        and not (char in _JOINERS and _is_joined(text[at - 1 : at], text[at + 1 : at + 2]))
    ]


def _is_joined(before: str, after: str) -> bool:
    """Return whether a joiner here is part of a word; ASCII words have none."""
    if not _is_of_word(before) or before.isascii():
        return False
    return combining(before) == _VIRAMA or _is_of_word(after)


def _is_of_word(char: str) -> bool:
    return bool(char) and (category(char)[0] in "LMNS" or category(char) == "Cn")


def validate_name(name: str) -> None:
    """Refuse a name without visible characters or with hidden ones; for fields and forms.

    Raises:
        ValidationError: The message names the characters to remove.
    """
    if not has_visible_character(name):
        raise ValidationError("Use at least one visible character.", code="invisible")
    if hidden := find_hidden_characters(name):
        points = dict.fromkeys(f"U+{ord(name[at]):04X}" for at in hidden)
        raise ValidationError(
            f"Remove the invisible characters: {', '.join(points)}.", code="hidden_characters"
        )


def clean_imported_name(text: str | None) -> str:
    """Return a name from a file so that `validate_name` accepts it; "" if nothing is visible."""
    characters = [*(text or "")]
    for at in find_hidden_characters(text or ""):
        characters[at] = "" if category(characters[at]) == "Cf" else " "
    name = " ".join("".join(characters).split())
    return name if has_visible_character(name) else ""


class NameField(models.CharField):  # type: ignore[type-arg]
    """A column of names. In migrations it is a `CharField`, because only the validator differs."""

    default_validators = [*models.CharField.default_validators, validate_name]

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs
