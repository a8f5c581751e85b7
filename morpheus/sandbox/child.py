"""What a child process does: one call."""

from __future__ import annotations

import pickle
import traceback
from multiprocessing.connection import Connection
from typing import Any


def serve(channel: Connection[Any, Any]) -> None:
    """Receive limits and a call; send its progress and how it ended."""
    try:
        channel.recv().apply()
        function, arguments, reports = channel.recv()
        more = {"progress": lambda *step: channel.send(("progress", step))} if reports else {}
        outcome = ("value", function(*arguments, **more))
    except MemoryError:
        outcome = ("memory", None)
    except BaseException as error:
        outcome = _failure(error)
    _send(channel, outcome)


def _failure(error: BaseException) -> tuple[str, Any]:
    where = f"In a child process:\n{traceback.format_exc()}"
    error.add_note(where)
    try:
        # Not every exception that can be pickled can be read again.
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return "broken", where
    return "error", error


def _send(channel: Connection[Any, Any], outcome: tuple[str, Any]) -> None:
    try:
        channel.send(outcome)
    except MemoryError:
        channel.send(("memory", None))
    except OSError:
        return  # The caller has gone.
    except Exception as error:
        channel.send(("broken", f"Its result cannot be sent: {error!r}"))
