"""No regular expression of the project takes more than linear time on hostile text.

Each is applied to long texts made from its own parts. The check finds them by itself: those that
modules hold, and those in calls such as `re.sub(…)`.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.pumps import Case, can_be_slow, find_slow_inputs, pumps

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("novels", "comics", "users", "morpheus", "perf")
CALLS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}

# Patterns that never meet long text, each with the reason.
_HEADING = "`parse_heading` looks at 200 characters"
BOUNDED = {
    "novels.parsing.numerals._AROUND": _HEADING,
    "novels.parsing.headings._FIRST_WORD": _HEADING,
    "novels.parsing.headings._BARE_ALONE": _HEADING,
    "novels.parsing.headings._SPELLED_ALONE": _HEADING,
    "novels.parsing.headings._BARE_TITLED": _HEADING,
    "novels.parsing.headings._BARE_CAPITALS": _HEADING,
    "novels.parsing.numerals._ROMAN": _HEADING,
    "novels.parsing.headings._PAGE": "`is_contents_line` looks at the last 40 characters",
}
# Patterns that are applied at one place of a text only, where `findall` tries each.
AT_ONE_PLACE = {
    "novels.parsing.contents._NUMBER",
    "novels.parsing.epub.notes._NOTE_LINK",
    "novels.parsing.epub.page._NOTE_MARK",
    "novels.parsing.sections._NAMED",
    "perf.monitoring.sql_text._HAS_PLAN",
}
SLOW = [
    r"[\s.]*\s\d{1,4}$",
    r"(a|b)*\s*,\s*$",
    r"(?:a*)*b",
    r"(\w+\s?)+:",
    rb"(?:x|z)*y",
    r"^\s*(.*)\s*=\s*(.*)\s*;$",
]
LINEAR = re.compile(r"\w+")


def modules() -> Iterator[ModuleType]:
    """Yield the modules that import `re`; others cannot make a pattern."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if re.search(r"^(?:import re$|from re import)", path.read_text(), re.MULTILINE):
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield importlib.import_module(".".join(parts).removesuffix(".__init__"))


def held_patterns(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns in a module's names, and in tuples, lists and dicts of them."""
    for name, value in vars(module).items():
        values = value.values() if isinstance(value, dict) else value
        parts = values if isinstance(value, dict | tuple | list) else [value]
        for part in parts:
            if isinstance(part, re.Pattern):
                yield f"{module.__name__}.{name}", part


def called_patterns(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns in calls of `re`, wherever they stand."""
    path = Path(module.__file__ or "")
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in CALLS
        ):
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            pattern = _text(node.args[0], module)
            if isinstance(pattern, str | bytes):
                yield where, re.compile(pattern, _flags(node, module))


def _text(node: ast.expr, module: ModuleType) -> Any:
    """Return the pattern of an argument, with "name" in the place of a variable."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(_text(part, module) or "name") for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, module)
    try:
        return eval(compile(ast.Expression(node), "pattern", "eval"), vars(module))  # noqa: S307
    except (NameError, AttributeError):
        return None


def _flags(call: ast.Call, module: ModuleType) -> int:
    """Return the flags of a call; those that hold other arguments there are left alone."""
    keyword_flags = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    position = {"sub": 4, "subn": 4, "split": 3, "compile": 1}.get(str(call.func.attr), 2)  # type: ignore[attr-defined]
    for node in keyword_flags or call.args[position : position + 1]:
        return int(_text(node, module))
    return 0


@pytest.fixture(scope="module")
def patterns() -> dict[re.Pattern[Any], str]:
    """All patterns, and where one finds each."""
    places: dict[re.Pattern[Any], str] = {}
    for module in modules():
        for where, pattern in [*held_patterns(module), *called_patterns(module)]:
            places.setdefault(pattern, where)
    return places


def test_no_pattern_takes_more_than_linear_time(patterns: Any) -> None:
    cases = {
        where: Case(pattern, "match" if where in AT_ONE_PLACE else "findall")
        for pattern, where in patterns.items()
        if where not in BOUNDED and can_be_slow(pattern)
    }

    inputs = find_slow_inputs([*cases.values()])
    slow = {where: pump for where, pump in zip(cases, inputs, strict=True) if pump is not None}
    assert slow == {}


def test_the_exceptions_are_patterns_of_the_project(patterns: Any) -> None:
    assert (BOUNDED.keys() | AT_ONE_PLACE) <= set(patterns.values())


def test_the_patterns_of_modules_and_of_calls_are_found(patterns: Any) -> None:
    sources = {pattern.pattern for pattern in patterns}

    assert len(sources) > 40
    assert r"\w+" in sources and r"\n{3,}" in sources


def test_slow_patterns_are_found() -> None:
    patterns = [re.compile(source) for source in SLOW]
    inputs = find_slow_inputs(
        [Case(LINEAR, "findall"), *(Case(each, "findall") for each in patterns)]
    )

    assert all(can_be_slow(each) for each in patterns)
    assert inputs[0] is None and None not in inputs[1:]


def test_pumps_are_made_of_the_pattern() -> None:
    repeated = {pump.repeated for pump in pumps(re.compile(r"ab[^c\d]|(?=e)f{2,3}?"))}

    assert {"a", "b", "ab", "c", "1", "e", "f"} <= repeated
