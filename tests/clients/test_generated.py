"""Clients made from docs/openapi.json, in Python and in TypeScript, drive the main flows."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.clients.conftest import Morpheus
from tests.serving import REPOSITORY

HERE = Path(__file__).parent
DOCUMENT = str(REPOSITORY / "docs" / "openapi.json")
CONFIGURATION = str(REPOSITORY / "docs" / "openapi-python-client.yml")


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Return what a command prints; it must succeed."""
    ended = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def test_a_client_in_python(
    morpheus: Morpheus, python_tools: Path, picture: Path, tmp_path: Path
) -> None:
    generate = ("generate", "--path", DOCUMENT, "--config", CONFIGURATION, "--fail-on-warning")
    program = python_tools / "openapi-python-client"
    # It calls ruff, which is beside it.
    path = f"{python_tools}{os.pathsep}{os.environ['PATH']}"
    output = run(program, *generate, "--output-path", tmp_path / "client", cwd=tmp_path, PATH=path)
    flows = run(
        *(python_tools / "python", HERE / "flows.py", morpheus.url, picture),
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "client"),
    )

    assert output.strip() == f"Generating {tmp_path / 'client'}", output
    assert flows == "ok  All flows work.\n"


def test_a_client_in_typescript(
    morpheus: Morpheus, typescript_tools: Path, picture: Path, tmp_path: Path
) -> None:
    for name in ("package.json", "tsconfig.json", "flows.ts"):
        shutil.copy(HERE / "typescript" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(typescript_tools / "node_modules")
    programs = tmp_path / "node_modules" / ".bin"

    output = run(programs / "openapi-typescript", DOCUMENT, "-o", "schema.d.ts", cwd=tmp_path)
    run(programs / "tsc", "--noEmit", cwd=tmp_path)
    run(programs / "tsc", cwd=tmp_path)
    flows = run("node", "compiled/flows.js", morpheus.url, picture, cwd=tmp_path)

    assert "warning" not in output.lower(), output
    assert flows == "ok  All flows work.\n"
