"""Programs and packages that only peers need; packages are installed under `var/peers`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.core.management.base import CommandError

from perf.lab.harness.servers import REPOSITORY
from perf.lab.harness.wrk import find_wrk

HERE = Path(__file__).parent
PACKAGES = REPOSITORY / "var" / "peers"
# Fastify 5 and ioredis 6 need it.
NODE = 20
# django-bolt needs it.
PYTHON = (3, 12)
_PYTHON_CHECK = f"import sys; sys.exit(sys.version_info < {PYTHON})"


def missing_programs(peers: Iterable[str]) -> list[str]:
    """Return a sentence for each program that a run with these peers needs and does not find."""
    needed, missing = set(peers), []
    if needed != {"drf"} and not find_wrk():
        missing.append("There is no wrk: apt-get install wrk.")
    if "fastify" in needed and not (shutil.which("npm") and _node_version() >= NODE):
        missing.append(f"There is no Node {NODE} or later with npm in PATH: install one.")
    if "bolt" in needed and not _find_python():
        version = ".".join(map(str, PYTHON))
        missing.append(f"There is no Python {version} or later in PATH: install one.")
    return missing


def install_fastify() -> Path:
    """Install what `fastify/server.js` needs; return the folder of the modules.

    Raises:
        CommandError: npm fails.
    """
    folder, lock = PACKAGES / "fastify", HERE / "fastify" / "package-lock.json"
    if not _is_installed(folder, lock):
        folder.mkdir(parents=True, exist_ok=True)
        for file in (lock, lock.with_name("package.json")):
            shutil.copy(file, folder)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
        _mark_installed(folder, lock)
    return folder / "node_modules"


def install_bolt() -> Path:
    """Make django-bolt's environment; return its Python.

    Raises:
        CommandError: venv or pip fails.
    """
    folder, lock = PACKAGES / "bolt", HERE / "bolt" / "requirements.lock"
    python = folder / "bin" / "python"
    if not _is_installed(folder, lock):
        folder.mkdir(parents=True, exist_ok=True)
        _run(_find_python() or sys.executable, "-m", "venv", "--clear", ".", folder=folder)
        pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        _run(*pip, "--require-hashes", "--requirement", str(lock), folder=folder)
        _mark_installed(folder, lock)
    return python


def _is_installed(folder: Path, lock: Path) -> bool:
    stamp = folder / ".installed"
    return stamp.exists() and stamp.read_bytes() == lock.read_bytes()


def _mark_installed(folder: Path, lock: Path) -> None:
    (folder / ".installed").write_bytes(lock.read_bytes())


def _node_version() -> int:
    """Return the major version of Node, 0 without one."""
    node = shutil.which("node")
    text = _output(node, "--version") if node else ""
    return int(text.removeprefix("v").split(".")[0] or 0)


def _find_python() -> str | None:
    """Return a Python that django-bolt supports."""
    return next((path for path in _pythons() if _succeeds(path, "-c", _PYTHON_CHECK)), None)


def _pythons() -> Iterator[str]:
    yield sys.executable
    names = ("python3.14", "python3.13", "python3.12", "python3")
    yield from filter(None, map(shutil.which, names))
    # What pyenv has in PATH starts only the version that is chosen.
    yield from map(str, sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python")))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


def _run(*command: str, folder: Path) -> None:
    result = subprocess.run(  # noqa: S603 - our own command line
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        raise CommandError(f"{' '.join(command)} failed in {folder}:\n{result.stdout[-2000:]}")
