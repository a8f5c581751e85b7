from __future__ import annotations

from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from morpheus.embedded.addresses import Addresses

# The shortest limit of the supported systems, macOS's, with its terminating zero.
SUN_PATH_BYTES = 104


def test_sockets_of_a_deep_checkout_have_short_paths(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 30, "var")

    addresses = Addresses.under(deep)

    assert len(str(addresses.postgres_socket.with_suffix(".5432.lock"))) < SUN_PATH_BYTES
    assert len(str(addresses.redis_socket)) < SUN_PATH_BYTES


def test_all_spellings_of_a_var_have_one_address(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "var")

    assert Addresses.under(tmp_path / "link") == Addresses.under(tmp_path / "x" / ".." / "var")


def test_two_vars_have_two_addresses(tmp_path: Path) -> None:
    first, second = (Addresses.under(tmp_path / name).socket_dir for name in ("first", "second"))

    assert first != second


def test_computing_addresses_writes_nothing(tmp_path: Path) -> None:
    addresses = Addresses.under(tmp_path / "var")

    assert not addresses.socket_dir.exists()
    assert not (tmp_path / "var").exists()


def test_urls_name_socket_role_and_database(tmp_path: Path) -> None:
    addresses = Addresses.under(tmp_path)

    parts = conninfo_to_dict(addresses.database_url("morpheus_app", "test_gw0"))

    assert parts["user"] == "morpheus_app"
    assert parts["dbname"] == "test_gw0"
    assert parts["host"] == str(addresses.socket_dir)
    assert addresses.redis_url(7) == f"unix://{addresses.socket_dir}/valkey.sock?db=7"
