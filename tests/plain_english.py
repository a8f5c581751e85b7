"""Refuse words that a reader has to translate; part of `make lint`.

    python -m tests.plain_english [--count] [PATH ...]

Checks comments, docstrings, names and (outside the tests) messages of Python files; comments of
SQL and TOML files; templates, README, CONTRIBUTING and CHANGELOG.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# What is refused, and what to write instead.
REFUSED: dict[str, str] = {
    r"\bwho(?:ever|m)?\b": "name the client, caller, reader or server",
    r"\b(?:nobody|somebody)\b": "name the client, or write anonymous",
    r"\bof (?:it|those)\b": "name the noun",
    r"\bwhat is\b": "name the noun",
    r"\b(?:what is over|no more what|worthless)\b": "stale, invalidated",
    r"\bend(?:s|ed|ing)? (?:a|the|its|their|all) tags?\b": "invalidate a tag",
    r"\basked (?:for )?(?:before|in vain)\b|\bin vain\b": "cold cache, warm cache; duplicate query",
    r"\bfast lane\b|\bwhole answers?\b": "response cache",
    r"\baskers?\b|\bwho asks\b": "caller, client",
    r"\banswer(?:s|ed|ing)?\b": "response, respond, return",
    r"\bcompanions?\b|\baccompanied\b": "transaction-local identity",
    r"\bledgers?\b|\bkeeping\b": "request trace",
    r"\bpulses?\b|\bbeats?\b": "periodic collector",
    r"\bconvict(?:s|ed|ion)?\b": "report a violation",
    r"\bas it must be\b|\bas they must be\b": "ok",
    r"\bread whole\b|\bpages? looked at\b": "sequential scan, buffers",
    r"\bthe past the cache\b|\bpast the cache\b": "cache bypass",
    r"\bhow far it is\b": "processing status",
    r"\bgave one up\b": "pool timeout",
    r"\btimes its room\b": "baseline, tolerance",
    r"\bdies by itself\b|\btaken out\b": "fault injection, sabotage test",
    r"\bdear\b": "expensive",
}
# Names that say nothing of their value.
VAGUE_NAMES = frozenset({"found", "one", "said"})
# A function named by a bare participle; these words only look like one.
_PARTICIPLE = re.compile(r"_?[a-z]+ed")
_VERBS = frozenset({"embed", "exceed", "feed", "need", "proceed", "seed", "speed"})

_PATTERNS = [(re.compile(text, re.IGNORECASE), advice) for text, advice in REFUSED.items()]

# Texts that are data: prose for seeding, words that a parser looks for.
DATA = ("perf/seeding/prose.py", "novels/parsing/")
# docs/ has an issue of its own.
TEXTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", ".env.example")


class Finding(NamedTuple):
    """A refused word, and where it is."""

    path: str
    line: int
    word: str
    advice: str


def findings(path: str, source: str) -> Iterator[Finding]:
    """Yield the refused words of one file."""
    if path.endswith(".py"):
        yield from _vague_names(path, ast.parse(source))
    for line, text in _texts(path, source):
        for pattern, advice in _PATTERNS:
            for match in pattern.finditer(text):
                yield Finding(path, line + text.count("\n", 0, match.start()), match[0], advice)


def _texts(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file that people read, each with its first line."""
    if path.endswith(".py"):
        yield from _python_texts(path, source)
    elif path.endswith((".sql", ".toml", ".yml")):
        mark = "--" if path.endswith(".sql") else "#"
        for number, line in enumerate(source.splitlines(), 1):
            if line.lstrip().startswith(mark):
                yield number, line
    else:
        yield 1, re.sub(r"`[^`\n]*`", lambda code: " " * len(code[0]), source)


def _python_texts(path: str, source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    tree = ast.parse(source)
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(id(first.value))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, re.sub(r"_+|(?<=[a-z])(?=[A-Z])", " ", node.name)
    has_messages = not path.startswith(("tests/", *DATA))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A text without a space is a name or a value.
            if id(node) in docstrings or (has_messages and " " in node.value):
                yield node.lineno, node.value


def _vague_names(path: str, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        name = node.arg if isinstance(node, ast.arg) else ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        if name in VAGUE_NAMES and isinstance(node, ast.arg | ast.Name):
            yield Finding(path, node.lineno, name, "name the value: rows, candidate, message")
    for function in tree.body:
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            name = function.name
            is_fixture = any("fixture" in ast.unparse(each) for each in function.decorator_list)
            is_participle = _PARTICIPLE.fullmatch(name) and name.lstrip("_") not in _VERBS
            if is_participle and not is_fixture:
                yield Finding(path, function.lineno, name, "name the function by a verb phrase")


def checked_files() -> list[str]:
    """Return the paths of the files that Git knows and this checks."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    own = "tests/plain_english.py"
    return [
        path
        for path in listed.stdout.splitlines()
        if (path.endswith((".py", ".sql", ".html")) or path in TEXTS or path.startswith("ops/"))
        or path == "perf/budgets.toml"
        if path != own and (ROOT / path).exists()
    ]


def main(arguments: list[str]) -> int:
    """Print every refused word, or with `--count` how often each occurs; return 1 if there are any.

    Args:
        arguments: Beginnings of paths; without one, every checked file.
    """
    prefixes = tuple(argument for argument in arguments if argument != "--count") or ("",)
    refused = [
        finding
        for path in checked_files()
        if path.startswith(prefixes)
        for finding in sorted(findings(path, (ROOT / path).read_text()))
    ]
    if "--count" in arguments:
        for word, count in Counter(finding.word.lower() for finding in refused).most_common():
            print(f"{count:6} {word}")
    else:
        for path, line, word, advice in refused:
            print(f"{path}:{line}: {word!r}: {advice}")
    print(f"{len(refused)} refused words.", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
