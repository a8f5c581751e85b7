"""Read environment variables strictly: a misspelt value stops the start with a sentence.

django-environ reads the file `.env`; what the environment itself holds has precedence. An empty
variable counts as not set.
"""

from __future__ import annotations

import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent

_WORDS = dict.fromkeys(("on", "true", "yes", "y", "1"), True)
_WORDS |= dict.fromkeys(("off", "false", "no", "n", "0"), False)

Number = TypeVar("Number", int, float)


def text(name: str, *, default: str = "") -> str:
    """Return the value as it is written; `$` has no meaning."""
    return os.environ.get(name) or default


def address(name: str, *, module: str, group: str) -> str:
    """Return the address of a service whose client is in an optional dependency group.

    Raises:
        ImproperlyConfigured: The client is not installed.
    """
    value = text(name)
    if value and find_spec(module) is None:
        raise ImproperlyConfigured(
            f"{name} is set, but {module} is not installed: install requirements.{group}.lock."
        )
    return value


def items(name: str, default: list[str]) -> list[str]:
    """Return the parts between commas, without blanks."""
    value = os.environ.get(name)
    return [item for part in value.split(",") if (item := part.strip())] if value else default


def flag(name: str, *, default: bool) -> bool:
    """Return a boolean: on, off and their usual synonyms.

    Raises:
        ImproperlyConfigured: Any other word.
    """
    value = text(name)
    if not value:
        return default
    try:
        return _WORDS[value.strip().lower()]
    except KeyError:
        raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.") from None


def number(name: str, *, default: Number, at_least: float, at_most: float = math.inf) -> Number:
    """Return a number within bounds, whole if `default` is.

    Raises:
        ImproperlyConfigured: No such number.
    """
    written = text(name, default=str(default))
    try:
        value = type(default)(written)
        if not math.isfinite(value):
            raise ValueError
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise ImproperlyConfigured(f"{name} must be {kind}, not {written!r}.") from None
    if not at_least <= value <= at_most:
        upper = "" if at_most == math.inf else f" and at most {at_most}"
        raise ImproperlyConfigured(f"{name} must be at least {at_least}{upper}, not {value}.")
    return value


def choice(name: str, *, default: str, choices: tuple[str, ...]) -> str:
    """Return one of the upper-case `choices`; the variable may be in lower case.

    Raises:
        ImproperlyConfigured: None of them.
    """
    value = text(name, default=default).upper()
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value}.")
    return value


environ.Env.read_env(BASE_DIR / ".env")

# Folder of everything kept on disk: embedded services, uploads, images, the secret key. Relative to
# the checkout, not to the current folder.
MORPHEUS_VAR = (BASE_DIR / Path(text("MORPHEUS_VAR", default="var")).expanduser()).resolve()
