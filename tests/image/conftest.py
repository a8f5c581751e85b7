from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .buildah import buildah, check_machine, copy_release, make_base


@pytest.fixture(scope="session")
def base() -> Iterator[None]:
    """The base image; containers and images of this run are removed at the end."""
    check_machine()
    make_base()
    yield
    buildah("rm", "--all")


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout."""
    folder = tmp_path_factory.mktemp("release")
    copy_release(folder)
    return folder
