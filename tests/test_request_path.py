"""README.md lists the files of a `GET /api/v1/novels/`, cold and warm: complete and short lists."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from morpheus.api.selected_rows import compile_page, find_model
from tests.visitor import Visitor

ROOT = Path(__file__).resolve().parents[1]
HEADING = "## A request, file by file"
MAX_FILES = 20
MAX_WARM_FILES = 5

# Each is one call of a warm request: whether the server stops, the key of a policy, a state, a
# sample, the request's id.
BEHIND_WARM_INTERFACES = {
    "morpheus/serving/draining.py",
    "morpheus/cache/policies.py",
    "morpheus/cache/store.py",
    "morpheus/cache/shadow_verification.py",
    "morpheus/tracing/routes.py",
}

# Files that take part, and that a reader of this request can leave closed.
CLOSED = {
    "observe the request and change nothing": (
        "morpheus/tracing/",
        "morpheus/cache/metrics.py",
        "morpheus/http/log_format.py",
        "morpheus/http/log_stream.py",
        "perf/monitoring/",
        "users/services/token_uses.py",
    ),
    "let an anonymous GET pass unchanged": (
        "morpheus/serving/draining.py",
        "morpheus/serving/request_bulkheads.py",
        "morpheus/api/inputs.py",
        "morpheus/api/representations.py",
        "morpheus/http/rendering.py",
        "morpheus/http/throttling.py",
        "users/authentication.py",
        "morpheus/db/replica.py",
        "morpheus/db/transactions.py",
    ),
    "are behind the interface of the cache": (
        "morpheus/cache/redis_client.py",
        "morpheus/cache/dependencies.py",
        "morpheus/cache/stored_responses.py",
        "morpheus/cache/policies.py",
        "morpheus/cache/response_keys.py",
        "morpheus/cache/single_flight.py",
    ),
    "are behind the interface of the database, of pagination and of Django": (
        "morpheus/db/postgresql/",
        "morpheus/db/statement_settings.py",
        "morpheus/django_internals/",
        "morpheus/pagination/columns.py",
        "morpheus/pagination/cursors.py",
        "morpheus/pagination/django_internals.py",
    ),
}


def trace_files(call: Callable[[], Any]) -> list[str]:
    """Return the project's files whose functions a call runs, in the order of their first use."""
    files: dict[str, None] = {}

    def record(frame: FrameType, event: str, argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        is_ours = path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix)
        if event == "call" and is_ours:
            files.setdefault(path.relative_to(ROOT).as_posix())

    sys.setprofile(record)
    try:
        call()
    finally:
        sys.setprofile(None)
    return [file for file in files if not file.startswith("tests/")]


def listed_files(number: int) -> list[str]:
    """Return the files of a numbered list in the section of README.md, in its order."""
    section = (ROOT / "README.md").read_text().partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    lists = re.split(r"^(?=1\. )", section, flags=re.MULTILINE)[1:]
    return re.findall(r"^\d+\. `([\w/.]+)`", lists[number], re.MULTILINE)


def _without_rendering(files: Iterable[str]) -> list[str]:
    """Leave out two files that a warm process enters in the other order."""
    rendering = ("morpheus/api/rendering.py", "novels/serializers.py")
    return [file for file in files if file not in rendering]


@pytest.mark.django_db(transaction=True)
def test_a_cold_list_leads_through_the_files_that_the_readme_lists(
    visitor: Visitor, make_novels: Callable[..., Any]
) -> None:
    make_novels(25)
    responses: list[Any] = []
    # Other tests have compiled the page.
    find_model.cache_clear()
    compile_page.cache_clear()

    files = trace_files(lambda: responses.append(visitor.get("/api/v1/novels/")))

    assert responses[0].status == 200 and len(responses[0].json()["results"]) == 20
    closed = tuple(prefix for prefixes in CLOSED.values() for prefix in prefixes)
    opened = [file for file in files if not file.startswith(closed)]
    listed = listed_files(0)
    assert {*opened} <= {*listed}
    assert _without_rendering(opened) == _without_rendering(f for f in listed if f in opened)
    assert 0 < len(listed) <= MAX_FILES


@pytest.mark.django_db(transaction=True)
def test_a_warm_list_leads_through_the_files_that_the_readme_lists(
    visitor: Visitor, make_novels: Callable[..., Any]
) -> None:
    make_novels(25)
    for _ in range(2):
        visitor.get("/api/v1/novels/")

    files = trace_files(lambda: visitor.get("/api/v1/novels/"))

    listed = listed_files(1)
    # Tests observe in the same thread.
    in_thread = files[: files.index("morpheus/tracing/events.py") + 1]
    assert {*listed} <= {*in_thread} <= {*listed} | BEHIND_WARM_INTERFACES
    assert len(listed) <= MAX_WARM_FILES
