"""The tools that make and test clients, installed under `var/clients` from locks of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.serving import REPOSITORY

HERE = Path(__file__).parent
TOOLS = REPOSITORY / "var" / "clients"


def install_python() -> Path:
    """Make the environment of openapi-python-client and schemathesis; return its programs."""
    lock = HERE / "requirements.lock"
    venv = (sys.executable, "-m", "venv", "--clear", ".")
    pip = ("bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    return _install("python", lock, venv, (*pip, "--require-hashes", "-r", str(lock))) / "bin"


def install_typescript() -> Path:
    """Install openapi-typescript, openapi-fetch and TypeScript; return the folder."""
    lock = HERE / "typescript" / "package-lock.json"
    copy = ("cp", str(lock), str(lock.with_name("package.json")), ".")
    npm = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return _install("typescript", lock, copy, npm)


def _install(name: str, lock: Path, *commands: Sequence[str]) -> Path:
    """Run commands in a folder, unless they have with this lock; return the folder."""
    folder = TOOLS / name
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in commands:
            subprocess.run(command, cwd=folder, check=True)
        stamp.write_bytes(lock.read_bytes())
    return folder
