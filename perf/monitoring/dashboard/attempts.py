"""Reading something that may fail: a page shows what it could not read, and the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

from perf.monitoring.statistics.reading import StatsUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T]):
    """What was read, or why it was not, in a sentence."""

    value: T | None
    problem: str = ""


def attempt(read: Callable[[], T]) -> Attempt[T]:
    """Read something; only a lost database goes up, as on every other page."""
    try:
        return Attempt(read())
    except StatsUnavailable as error:
        return Attempt(None, str(error))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("The dashboard could not read something.")
        return Attempt(None, f"It failed with {type(error).__name__}; the log has the details.")
