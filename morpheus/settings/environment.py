"""Read environment variables strictly: a misspelt value stops the start with a sentence.

django-environ reads the file `.env`; what the environment itself holds has precedence. An empty
variable counts as not set.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# Names of earlier versions that are no longer read.
RENAMED = {
    name: f"MORPHEUS_{name}"
    for name in (
        *("BEHIND_PROXY", "TRUSTED_PROXIES", "METRICS_TOKEN", "TOKEN_TTL_DAYS"),
        *("CACHE_DATABASE_BASE", "LOG_FORMAT", "LOG_LEVEL", "LOG_REQUESTS"),
        *("MAX_UPLOAD_MB", "QUOTA_MB", "QUOTA_NOVELS"),
        *("THROTTLE_LOGIN_PER_MINUTE", "THROTTLE_LOGIN_NETWORK_PER_MINUTE"),
        *("THROTTLE_REGISTER_PER_HOUR", "THROTTLE_WRITES_PER_MINUTE"),
    )
} | {
    **dict.fromkeys(
        ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS"),
        "EMAIL_URL",
    ),
    "DATABASE_POOL_TIMEOUT_S": "MORPHEUS_POOL_TIMEOUT_S",
    "DATABASE_STATEMENT_TIMEOUT_S": "MORPHEUS_STATEMENT_TIMEOUT_S",
}
# They are constants now, or their feature is gone.
REMOVED = (
    *("DATABASE_LOCK_TIMEOUT_S", "DATABASE_REPLICA_TIMEOUT_S", "SEARCH_STATEMENT_TIMEOUT_S"),
    *("IMAGE_MAX_MB", "PARSE_MEMORY_MB", "PARSE_TIMEOUT_S", "PICTURE_MEMORY_MB"),
    *(
        "PICTURE_TIMEOUT_S",
        "UPLOAD_CHECK_TIMEOUT_S",
        "THROTTLE_LOGIN_USER_PER_MINUTE",
        "TRANSFER_GRACE_S",
    ),
    *("SLOW_QUERY_WEBHOOK_URL", "SLOW_QUERY_ALERT_EVERY_S"),
)

_WORDS = dict.fromkeys(("on", "true", "yes", "y", "1"), True)
_WORDS |= dict.fromkeys(("off", "false", "no", "n", "0"), False)

Number = TypeVar("Number", int, float)


def text(name: str, *, default: str = "") -> str:
    """Return the value as it is written; `$` has no meaning."""
    return os.environ.get(name) or default


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


def _refuse_old_names() -> None:
    messages = [f"{old} is now {new}." for old, new in RENAMED.items() if os.environ.get(old)]
    messages += [
        f"{name} is no longer a setting: remove it." for name in REMOVED if os.environ.get(name)
    ]
    if messages:
        raise ImproperlyConfigured(" ".join(messages))


environ.Env.read_env(BASE_DIR / ".env")
_refuse_old_names()

# Folder of everything kept on disk: embedded services, uploads, images, the secret key. Relative to
# the checkout, not to the current folder.
MORPHEUS_VAR = (BASE_DIR / Path(text("MORPHEUS_VAR", default="var")).expanduser()).resolve()
