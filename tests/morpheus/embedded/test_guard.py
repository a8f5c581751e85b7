from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from morpheus.embedded.guard import POLL_S, Service
from morpheus.embedded.guard_client import GuardedServices, read_record
from morpheus.embedded.health import Health
from morpheus.embedded.supervisor import EmbeddedServices

from .conftest import is_gone, servers_of, wait_until

Owner = Callable[[], "subprocess.Popen[str]"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_services_go_when_their_owner_is_killed(
    var: Path, make_owner: Owner, number: signal.Signals
) -> None:
    owner = make_owner()
    services = EmbeddedServices(var)
    assert len(servers_of(services)) == 2

    owner.send_signal(number)
    owner.wait()

    assert wait_until(lambda: servers_of(services) == [])
    assert wait_until(lambda: read_record(var) == {})


def test_services_stay_for_a_second_user_when_the_first_is_killed(
    var: Path, make_owner: Owner
) -> None:
    first = make_owner()
    with EmbeddedServices(var) as services:
        servers = servers_of(services)
        first.kill()
        first.wait()
        time.sleep(3 * POLL_S)

        assert servers_of(services) == servers
    assert servers_of(services) == []


def test_ctrl_c_stops_the_services_in_order(var: Path, make_owner: Owner) -> None:
    owner = make_owner()

    os.killpg(owner.pid, signal.SIGINT)  # As a terminal does: to the whole process group.

    assert owner.wait() == -signal.SIGINT
    assert servers_of(EmbeddedServices(var)) == []
    assert (var / "postgres.log").read_text().rstrip().endswith("database system is shut down")


def test_a_start_right_after_a_kill_works(var: Path, make_owner: Owner) -> None:
    make_owner().kill()

    with EmbeddedServices(var, durable=False) as services:
        assert all(status.is_up for status in services.status())


def test_orphans_of_a_killed_guard_are_replaced(var: Path, make_owner: Owner) -> None:
    owner = make_owner()
    services = EmbeddedServices(var, durable=False)
    orphans = servers_of(services)
    os.kill(read_record(var)["guard"], signal.SIGKILL)
    owner.kill()

    with services:
        assert all(status.is_up for status in services.status())
        assert all(is_gone(process.pid) for process in orphans)


def test_when_everything_is_killed_at_once_the_next_start_works(
    var: Path, make_owner: Owner
) -> None:
    owner = make_owner()
    services = EmbeddedServices(var, durable=False)
    guard = read_record(var)["guard"]
    for pid in (owner.pid, guard, *(process.pid for process in servers_of(services))):
        # The kernel may have killed a server with its guard.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    with services:
        assert all(status.is_up for status in services.status())


def test_children_of_a_server_do_not_outlive_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    forks = (
        "import pathlib, subprocess; child = subprocess.Popen(['sleep', '60']); "
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid)); child.wait()"
    )
    guarded = GuardedServices([_service("forks", forks)])
    assert wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")

    guarded.stop()

    assert wait_until(lambda: is_gone(int(pid_file.read_text())))


def test_a_server_that_cannot_be_brought_back_ends_the_others(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    stays = (
        f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); "
        "time.sleep(60)"
    )
    ends = (
        f"import os, time\nwhile not os.path.exists({str(pid_file)!r}): time.sleep(0.02)\n"
        "time.sleep(0.1)"
    )

    guarded = GuardedServices(
        [_service("stays", stays), replace(_service("ends", ends), most_starts=2)],
        log=tmp_path / "log",
    )

    assert wait_until(guarded.have_ended)
    guarded.stop()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines == ["ends ended (0); starting it again.", "ends ended (0)."]
    assert wait_until(lambda: is_gone(int(pid_file.read_text())))


# Notes its pid and the guard's, then responds to every request as a healthy server does.
HEALTHY_SERVER = """
import os, pathlib, socket, sys
pid_file = pathlib.Path(sys.argv[1])
pid_file.write_text(str(os.getpid()))
listener = socket.socket(fileno=int(sys.argv[2]))
while True:
    client, _ = listener.accept()
    if client.recv(1000).startswith(b"HEAD"):
        with open(f"{pid_file}.probes", "a") as probes:
            probes.write("x")
    client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    client.close()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_or_hangs_is_replaced_and_no_connection_refused(
    tmp_path: Path, number: signal.Signals
) -> None:
    pid_file = tmp_path / "pid"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address: tuple[str, int] = listener.getsockname()
        service = replace(
            _service("answers", HEALTHY_SERVER, str(pid_file), str(listener.fileno())),
            descriptors=(listener.fileno(),),
            health=Health(address[0], address[1], interval_s=0.1, timeout_s=1.0, most_failures=3),
            most_starts=1,
        )
        guarded = GuardedServices([service], log=tmp_path / "log")
    assert wait_until(lambda: _responds(address))
    first = int(pid_file.read_text())
    # The guard must have seen it healthy, or the first end would be the last.
    probes = Path(f"{pid_file}.probes")
    assert wait_until(lambda: probes.exists() and len(probes.read_text()) > 1)

    os.kill(first, number)

    assert wait_until(lambda: int(pid_file.read_text()) != first)
    assert _responds(address)
    assert is_gone(first)
    guarded.stop()


def _responds(address: tuple[str, int]) -> bool:
    """Tell whether a server responds, however long it takes."""
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_server_that_ended_is_started_again(tmp_path: Path) -> None:
    count = tmp_path / "count"
    appends = f"open({str(count)!r}, 'a').write('x')"

    guarded = GuardedServices([_service("fails", appends)], log=tmp_path / "log")

    assert wait_until(lambda: count.exists() and len(count.read_text()) >= 2)
    guarded.stop()
    assert "fails ended (0); starting it again." in (tmp_path / "log").read_text()


def test_a_full_disk_does_not_end_the_guard(tmp_path: Path) -> None:
    """Its log, the log of a server and its record all get ENOSPC, as from a full disk."""
    count = tmp_path / "count"
    appends = f"open({str(count)!r}, 'a').write('x')"
    (tmp_path / "services.json.draft").symlink_to("/dev/full")
    (tmp_path / "services.lock").touch()
    lock = os.open(tmp_path / "services.lock", os.O_RDWR)

    guarded = GuardedServices(
        [replace(_service("fails", appends), log=tmp_path / "absent" / "log")],
        log=Path("/dev/full"),
        record=tmp_path / "services.json",
        lock=lock,
    )
    os.close(lock)

    assert wait_until(lambda: count.exists() and len(count.read_text()) >= 2)
    assert not guarded.have_ended()
    guarded.stop()


def _service(name: str, code: str, *arguments: str) -> Service:
    return Service(
        name=name,
        command=[sys.executable, "-c", code, *arguments],
        signals=[signal.SIGTERM],
        patience_s=5,
    )
