"""buildah without a daemon, and a Debian that debootstrap makes in place of the base image."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.serving import REPOSITORY

# Kept for the next run.
FOLDER = REPOSITORY / "var" / "image"
BASE = "docker.io/library/debian:bookworm-slim"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PIP_CONF = "[global]\ncert = /run/certificates.crt\n"


def check_machine() -> None:
    """Fail where images cannot be built."""
    missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    if missing:
        pytest.fail(f"apt-get install {' '.join(missing)}", pytrace=False)
    if os.geteuid() != 0:
        pytest.fail("Only root can make a Debian with debootstrap.", pytrace=False)


def buildah(*arguments: str) -> str:
    """Run buildah on a storage of its own; return its output."""
    command = build_command(*arguments)
    output: str = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return output.strip()


def build_command(*arguments: str) -> list[str]:
    storage = ["--root", str(FOLDER / "storage"), "--runroot", str(FOLDER / "run")]
    return ["buildah", *storage, "--storage-driver", "vfs", *arguments]


def make_base() -> None:
    """Make the base image, unless an earlier run has made it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        return
    debian = FOLDER / "debian"
    shutil.rmtree(debian, ignore_errors=True)
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(debian)], check=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(debian), "/")
    buildah("commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(debian)


def copy_release(folder: Path) -> None:
    """Copy what a checkout has, without what git ignores."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True).stdout
    for name in names.decode().split("\0"):
        if name and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)


def trust_certificates(folder: Path) -> list[str]:
    """Return options by which pip in a container trusts the authorities of this machine."""
    (folder / "pip.conf").write_text(PIP_CONF)
    mounts = {CERTIFICATES: "/run/certificates.crt", str(folder / "pip.conf"): "/etc/pip.conf"}
    return [f"--volume={here}:{there}:ro" for here, there in mounts.items()]
