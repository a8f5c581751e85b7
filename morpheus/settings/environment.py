"""The environment that every settings module reads, each variable once."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent

_WORDS = dict.fromkeys(("on", "true", "yes", "y", "1"), True)
_WORDS |= dict.fromkeys(("off", "false", "no", "n", "0"), False)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


# How each kind is read, and what a variable of this kind must be.
_KINDS: dict[Any, tuple[Callable[[str], Any], str]] = {
    str: (str, ""),
    int: (int, "a whole number"),
    float: (_finite, "a number"),
    bool: (lambda text: _WORDS[text.strip().lower()], "on or off"),
    list: (lambda text: [item for part in text.split(",") if (item := part.strip())], ""),
}


class Environment(environ.Env):  # type: ignore[misc] # the package has no types
    """Variables by kind, read strictly: `flase` is not `off`, and `$` in a secret is only `$`.

    An empty variable counts as not set.

    Raises:
        ImproperlyConfigured: What a variable must be, in a sentence that names it.
    """

    def get_value(
        self, var: str, cast: Any = None, default: Any = None, parse_default: bool = False
    ) -> Any:
        text = os.environ.get(var, "")
        if not text:
            return default
        read, kind = _KINDS[cast]
        try:
            return read(text)
        except (ValueError, KeyError):
            raise ImproperlyConfigured(f"{var} must be {kind}, not {text!r}.") from None

    def number(
        self, var: str, *, default: float, at_least: float, at_most: float = math.inf
    ) -> Any:
        """Return a number within bounds, whole if `default` is."""
        value = self.get_value(var, cast=type(default), default=default)
        if not at_least <= value <= at_most:
            upper = "" if at_most == math.inf else f" and at most {at_most}"
            raise ImproperlyConfigured(f"{var} must be at least {at_least}{upper}, not {value}.")
        return value

    def choice(self, var: str, *, default: str, choices: tuple[str, ...]) -> str:
        """Return one of the upper-case `choices`, whatever case it was written in."""
        value: str = self.get_value(var, cast=str, default=default).upper()
        if value not in choices:
            raise ImproperlyConfigured(f"{var} must be one of {', '.join(choices)}, not {value}.")
        return value


env = Environment()
environ.Env.read_env(BASE_DIR / ".env")

# Everything that a running Morpheus keeps on disk: embedded services, uploads, images, secrets.
# Relative to the checkout, not to where a command is called from.
VAR_DIR = (BASE_DIR / Path(env.str("MORPHEUS_VAR", default="var")).expanduser()).resolve()
