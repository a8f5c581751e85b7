from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from morpheus.embedded.paths import ServiceError, make_private_folder
from morpheus.embedded.supervisor import EmbeddedServices


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_above_keep_their_modes(tmp_path: Path, var: Path) -> None:
    var.chmod(0o750)
    tmp_path.chmod(0o700)
    above = {path: mode_of(path) for path in (var, *var.parents)}

    with EmbeddedServices(var, durable=False) as services:
        assert mode_of(services.addresses.socket_dir) == 0o700
        assert mode_of(var / "valkey") == 0o700  # Its snapshot holds cached sessions.

    assert {path: mode_of(path) for path in above} == above


def test_a_socket_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(ServiceError, match="was not made by Morpheus"):
        make_private_folder(folder, None)


def test_a_socket_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o700)
    other_user = next(user for user in pwd.getpwall() if user.pw_uid != os.geteuid())

    with pytest.raises(ServiceError, match="was not made by Morpheus"):
        make_private_folder(folder, other_user)


def test_a_link_in_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "sockets").symlink_to(tmp_path / "target")

    with pytest.raises(ServiceError, match="was not made by Morpheus"):
        make_private_folder(tmp_path / "sockets", None)
