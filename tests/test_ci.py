"""`.ci/run` fails for a known vulnerability, and goes on where no advisory service responds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[1] / ".ci" / "run"

# In place of `make`, whose targets take an hour; `make audit` prints and ends as given.
MAKE = """#!/bin/sh
test "$1" = audit || exit 0
echo "$REPORT"
exit "$STATUS"
"""


@pytest.mark.parametrize(
    ("report", "status", "expected", "shown"),
    [
        ("No known vulnerabilities found", 0, 0, "No known vulnerabilities found"),
        ("Found 1 known vulnerability in 1 package", 2, 1, "Found 1 known vulnerability"),
        ("Found 2 known vulnerabilities in 1 package", 2, 1, "Found 2 known vulnerabilities"),
        ("requests.exceptions.ConnectionError: refused", 2, 0, "NOT TESTED: make audit"),
        ("ERROR: asgiref: could not be audited", 2, 0, "NOT TESTED: make audit"),
    ],
)
def test_the_audit_fails_only_for_what_it_found(
    tmp_path: Path, report: str, status: int, expected: int, shown: str
) -> None:
    for name, text in {"make": MAKE, "apt-get": "#!/bin/sh\nexit 1\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o700)

    result = subprocess.run(
        [RUN],
        env={
            "PATH": f"{tmp_path}{os.pathsep}{os.defpath}",
            "REPORT": report,
            "STATUS": str(status),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == expected, result.stderr
    assert shown in result.stdout + result.stderr
