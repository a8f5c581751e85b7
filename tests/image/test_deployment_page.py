"""docs/deployment.md, followed word by word on an empty Debian."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from tests.serving import REPOSITORY

from .buildah import BASE, build_command, buildah, trust_certificates

PAGE = REPOSITORY / "docs" / "deployment.md"
# The packages of Debian start nothing while they are installed, as in any chroot.
BEFORE = """\
set -e
readlink /proc/self/ns/mnt
trap 'tail -n 40 /var/log/morpheus-*' EXIT
"""


def read_steps() -> list[str]:
    """Return the blocks of the first part that need no systemd."""
    text = PAGE.read_text().split("## On a Debian machine")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_page_ends_with_a_served_novel_a_scraped_metric_and_a_restored_backup(
    base: None, release: Path, tmp_path: Path
) -> None:
    steps = read_steps()
    script = "\n".join([BEFORE, *steps, "echo the end of the page"])
    (tmp_path / "steps.sh").write_text(script)
    container = buildah("from", "--pull-never", BASE)
    buildah("add", "--quiet", container, str(release), "/srv/morpheus")
    command = build_command(
        *("run", "--isolation=chroot", f"--volume={tmp_path}:/run/steps:ro"),
        *trust_certificates(tmp_path),
        *(container, "--", "bash", "/run/steps/steps.sh"),
    )

    log = tmp_path / "log"
    with log.open("w") as file:
        subprocess.run(command, stdout=file, stderr=file, check=False)
    output = log.read_text()
    stop_daemons(namespace=output.split("\n")[0])

    assert len(steps) >= 10 and "the end of the page" in output, output[-4000:]
    assert '"resultType":"vector"' in output, "Prometheus has scraped both instances"
    served, restored = output.split("Database morpheus is restored from")
    assert '"title":"' in served, "a chapter was served"
    assert '"title":"' in restored, "the deleted novel is served again"


def stop_daemons(namespace: str) -> None:
    """Stop what the steps started: the processes that see the container's file systems."""
    assert namespace.startswith("mnt:") and namespace != os.readlink("/proc/self/ns/mnt")
    for process in psutil.process_iter():
        # Processes end meanwhile, and the first one is of another owner in a sandbox.
        with suppress(psutil.NoSuchProcess, OSError):
            if os.readlink(f"/proc/{process.pid}/ns/mnt") == namespace:
                process.kill()
