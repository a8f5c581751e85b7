"""Programs and packages that only peers need; packages are installed under `var/peers`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.core.management.base import CommandError

from perf.lab.harness.servers import REPOSITORY

HERE = Path(__file__).parent
PACKAGES = REPOSITORY / "var" / "peers"
# Fastify 5 and ioredis 6 need it.
NODE = 20
_NODE_CHECK = f"process.exit(parseInt(process.versions.node) < {NODE} ? 1 : 0)"
# django-bolt needs it.
PYTHON = (3, 12)
_PYTHON_CHECK = f"import sys; sys.exit(sys.version_info < {PYTHON})"


def missing_programs(peers: Iterable[str]) -> list[str]:
    """Return a sentence for each program that these peers need and that is not found."""
    missing = []
    if "fastify" in peers and not (shutil.which("npm") and _succeeds("node", "-e", _NODE_CHECK)):
        missing.append(f"There is no Node {NODE} or later with npm in PATH: install one.")
    if "bolt" in peers and not _find_python():
        version = ".".join(map(str, PYTHON))
        missing.append(f"There is no Python {version} or later in PATH: install one.")
    return missing


def install_fastify() -> Path:
    """Install what `fastify/server.js` needs; return the folder of the modules.

    Raises:
        CommandError: npm fails.
    """
    lock = HERE / "fastify" / "package-lock.json"
    copy = ("cp", str(lock), str(lock.with_name("package.json")), ".")
    npm = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return _install(lock, copy, npm) / "node_modules"


def install_bolt() -> Path:
    """Make django-bolt's environment; return its Python.

    Raises:
        CommandError: venv or pip fails.
    """
    lock = HERE / "bolt" / "requirements.lock"
    venv = (_find_python() or sys.executable, "-m", "venv", "--clear", ".")
    pip = ("bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    install = (*pip, "--require-hashes", "--requirement", str(lock))
    return _install(lock, venv, install) / "bin" / "python"


def _install(lock: Path, *commands: Sequence[str]) -> Path:
    """Run commands in the folder of a peer, unless they have with this lock; return the folder."""
    folder = PACKAGES / lock.parent.name
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        folder.mkdir(parents=True, exist_ok=True)
        for command in commands:
            if subprocess.run(command, cwd=folder, check=False).returncode:  # noqa: S603
                raise CommandError(f"{' '.join(command)} failed in {folder}.")
        stamp.write_bytes(lock.read_bytes())
    return folder


def _find_python() -> str | None:
    """Return a Python that django-bolt supports."""
    # What pyenv has in PATH starts only the version that is chosen.
    of_pyenv = sorted(map(str, Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python")))
    paths = (sys.executable, "python3.14", "python3.13", "python3.12", "python3", *of_pyenv)
    return next((path for path in paths if _succeeds(path, "-c", _PYTHON_CHECK)), None)


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
    except FileNotFoundError:
        return False
