"""docs/deployment.md, followed word by word on an empty Debian."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.serving import REPOSITORY

from .buildah import BASE, build_command, buildah, trust_certificates

PAGE = REPOSITORY / "docs" / "deployment.md"
# The packages of Debian start nothing while they are installed, as in any chroot.
BEFORE = "set -e; trap 'tail -n 40 /var/log/morpheus-* 2>/dev/null; kill 0' EXIT"


def read_steps() -> list[str]:
    """Return the blocks of the first part that need no systemd."""
    text = PAGE.read_text().split("## On a Debian machine")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_page_ends_with_a_served_novel_and_a_scraped_metric(
    base: None, release: Path, tmp_path: Path
) -> None:
    steps = read_steps()
    script = "\n".join([BEFORE, *steps, "echo the end of the page", "trap - EXIT; kill 0"])
    (tmp_path / "steps.sh").write_text(script)
    container = buildah("from", "--pull-never", BASE)
    buildah("add", "--quiet", container, str(release), "/srv/morpheus")
    command = build_command(
        *("run", "--isolation=chroot", f"--volume={tmp_path}:/run/steps:ro"),
        *trust_certificates(tmp_path),
        *(container, "--", "setsid", "--wait", "bash", "/run/steps/steps.sh"),
    )

    output = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    ).stdout

    assert len(steps) >= 10 and "the end of the page" in output, output[-4000:]
    assert '"title":"' in output, "a chapter was served"
    assert '"resultType":"vector"' in output, "Prometheus has scraped both instances"
