"""A real HAProxy with the configuration of `ops/haproxy/`."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

from tests.serving import PATIENCE_S, REPOSITORY, wait_until

from .nginx import TLSProxy, find_proxy, free_port

CONFIGURATION = REPOSITORY / "ops" / "haproxy" / "haproxy.cfg"


class HAProxy(TLSProxy):
    """HAProxy on two free ports, in front of two instances.

    Args:
        events_port: Of the process that holds event streams, if there is one.

    Attributes:
        log: What it says about its servers.
        ready: Status of /healthz when it is ready.
    """

    def __init__(
        self,
        folder: Path,
        server_ports: list[int],
        *,
        events_port: int | None = None,
        ready: int = 200,
    ) -> None:
        super().__init__(folder)
        self._events_port = events_port or free_port()
        self.log = folder / "haproxy.log"
        command = [find_proxy("haproxy"), "-db", "-f", str(self._write_configuration(server_ports))]
        subprocess.run([*command, "-c"], check=True, capture_output=True, timeout=PATIENCE_S)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: self._is_ready(ready))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def _is_ready(self, status: int) -> bool:
        with contextlib.suppress(ConnectionError):
            return self.get("/healthz").status == status
        return False

    def _write_configuration(self, server_ports: list[int]) -> Path:
        tls = self.folder / "tls"
        both = tls / "morpheus.pem"
        both.write_text((tls / "fullchain.pem").read_text() + (tls / "privkey.pem").read_text())
        places = {
            "/etc/haproxy/morpheus.pem": str(both),
            "bind :80": f"bind 127.0.0.1:{self.plain_port}",
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "192.0.2.11:8000": f"127.0.0.1:{server_ports[0]}",
            "192.0.2.12:8000": f"127.0.0.1:{server_ports[1]}",
            "192.0.2.11:8010": f"127.0.0.1:{self._events_port}",
            "192.0.2.12:8010": f"127.0.0.1:{free_port()}",
        }
        if os.geteuid() != 0:
            needs_root = ("user haproxy", "group haproxy", "chroot /var/lib/haproxy")
            places |= dict.fromkeys(needs_root, "")
        text = CONFIGURATION.read_text()
        for here, there in places.items():
            assert here in text
            text = text.replace(here, there)
        file = self.folder / "haproxy.cfg"
        file.write_text(text)
        return file
