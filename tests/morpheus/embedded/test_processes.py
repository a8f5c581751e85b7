"""Child processes that end with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from morpheus.embedded.processes import die_with_parent, run_command

from .conftest import REPOSITORY

# Runs a command that prints its pid and stays.
CALLER = """
import sys
from morpheus.embedded.processes import run_command
stays = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
run_command([sys.executable, "-c", stays], cwd="/")
"""


def test_a_command_returns_its_exit_code() -> None:
    assert run_command([sys.executable, "-c", "raise SystemExit(7)"], cwd=os.sep) == 7


@pytest.mark.skipif(sys.platform != "linux", reason="The kernel sends no signal elsewhere.")
def test_a_command_ends_with_its_killed_caller() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CALLER], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout is not None
        assert int(caller.stdout.readline()) > 0
        caller.kill()
        # The command has the same standard output: it is closed when the command has ended.
        assert caller.stdout.read() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="The kernel sends no signal elsewhere.")
def test_a_child_of_another_parent_than_expected_ends_at_once() -> None:
    wrong = os.getppid()

    done = subprocess.run(["true"], preexec_fn=partial(die_with_parent, wrong), check=False)

    assert done.returncode == 1
