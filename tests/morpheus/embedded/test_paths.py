from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from morpheus.embedded.paths import (
    ServiceError,
    find_paths,
    list_system_programs,
    make_private_folder,
)
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


def test_without_wheels_the_servers_come_from_path(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: EmbeddedServices
) -> None:
    installed = find_paths(shared.var)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "postgres").symlink_to(installed.postgres_home / "bin" / "postgres")
    (folder / "redis-server").symlink_to(installed.valkey_server)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("morpheus.embedded.paths._find_package", lambda name: None)

    programs = list_system_programs(find_paths(var), ("postgres", "valkey"))
    with EmbeddedServices(var, durable=False) as services:
        assert all(status.is_up for status in services.status())

    assert programs == [installed.postgres_home / "bin" / "postgres", folder / "redis-server"]


def test_without_wheels_and_programs_the_error_says_what_to_install(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(var))
    monkeypatch.setattr("morpheus.embedded.paths._find_package", lambda name: None)

    with pytest.raises(ServiceError, match="no postgres in PATH"):
        EmbeddedServices(var).start()

    # A machine with real servers needs no programs.
    assert EmbeddedServices(var, wanted=()).are_running()
