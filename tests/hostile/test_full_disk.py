"""A file system of 30 MB under `var/`, filled while eight clients write.

Only root can mount one. PostgreSQL's data are elsewhere then (docs/services.md); the small file
system has uploads, images, Valkey's snapshot and the logs.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import median

import pytest
from PIL import Image

from morpheus.embedded.paths import delete_root_state
from tests.serving import REPOSITORY, Client, Response, environment, wait_until

SIZE_MB = 30
CLIENTS = 8
PASSWORD = "correct horse battery staple"
# Uploads of one client at most; all together are several times larger than the file system.
ATTEMPTS = 80


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE_MB}M", "none", str(folder)]
    subprocess.run(["mount", *options], check=True)
    yield folder
    for path in [*folder.iterdir()]:  # A mount point cannot be removed.
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "services.id":
            path.unlink()
    delete_root_state(folder)
    subprocess.run(["umount", str(folder)], check=True)


@dataclass
class Run:
    """`manage.py run` on the small file system."""

    var: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    acknowledged: dict[str, bytes] = field(default_factory=dict)

    def client(self, name: str) -> Client:
        anonymous = Client(self.port)
        email = f"{name}@example.org"
        account = {"email": email, "password": PASSWORD, "display_name": name}
        assert anonymous.send("POST", "/users/", account).status in (201, 400)
        return anonymous.login(email, PASSWORD)


@pytest.fixture(params=[4, 0], ids=["with a floor", "until the last byte"])
def run(request: pytest.FixtureRequest, var: Path, tmp_path: Path, free_port: int) -> Iterator[Run]:
    log = tmp_path / "run.log"
    more = {
        "MORPHEUS_CACHE": "on",
        "MORPHEUS_THREADS": "16",
        "MORPHEUS_FREE_SPACE_MB": str(request.param),
        "MORPHEUS_THROTTLE_REGISTER_PER_HOUR": "1000",
        "MORPHEUS_THROTTLE_LOGIN_PER_MINUTE": "1000",
        "MORPHEUS_STATEMENT_TIMEOUT_S": "60",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run", "--port", str(free_port), "--no-seed"],
            cwd=REPOSITORY,
            env=environment(var, **more),
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: "Morpheus is ready" in log.read_text(), 180)
        yield Run(var, free_port, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def novel_text(seed: str) -> bytes:
    chance = random.Random(seed)  # noqa: S311
    words = " ".join(f"w{chance.randrange(10**9)}" for _ in range(15_000))
    return f"CHAPTER I. The only one\n\n{words}\n".encode()


def picture(seed: str) -> bytes:
    noise = random.Random(seed).randbytes(3 * 200 * 200)  # noqa: S311
    out = BytesIO()
    Image.frombytes("RGB", (200, 200), noise).save(out, "PNG")
    return out.getvalue()


def form(name: str, filename: str, content: bytes) -> tuple[bytes, str]:
    head = (
        f'--limit\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + b"\r\n--limit--\r\n", "multipart/form-data; boundary=limit"


def post_file(
    client: Client, path: str, name: str, filename: str, content: bytes
) -> Response | None:
    """Send a file; None if the server refused it and closed before the body was sent."""
    body, content_type = form(name, filename, content)
    try:
        return client.send("POST", path, body, **{"Content-Type": content_type})
    except (ConnectionError, http.client.HTTPException):
        return None


def write_until_full(run: Run, number: int) -> Counter[int]:
    """Upload novels and panels in turn until several in a row are refused."""
    client = run.client(f"writer{number}")
    comic = client.send("POST", "/comics/", {"title": f"Comic {number}"}).json["id"]
    statuses: Counter[int] = Counter()
    refused = 0
    for turn in range(ATTEMPTS):
        seed = f"{number}.{turn}"
        if turn % 2:
            content = picture(seed)
            response = post_file(client, f"/comics/{comic}/panels/", "image", "p.png", content)
            where = f"/comics/{comic}/panels/{{number}}/image/"
        else:
            content = novel_text(seed)
            response = post_file(client, "/novels/", "file", f"{seed}.txt", content)
            where = "/novels/{id}/"
        statuses[response.status if response else 0] += 1
        if response and response.status == 201:
            run.acknowledged[f"{number} {where.format(**response.json)}"] = content
            refused = 0
        else:
            refused += 1
        if refused == 6:
            break
    return statuses


def check_reads(run: Run) -> float:
    """Read a list and /healthz; return the seconds of the latter."""
    assert Client(run.port).get("/novels/").status == 200
    started = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", run.port, timeout=10)) as connection:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        assert connection.getresponse().status == 200
    return time.monotonic() - started


def test_every_acknowledged_upload_is_there_and_reads_go_on(run: Run) -> None:
    with ThreadPoolExecutor(CLIENTS) as threads:
        writers = [threads.submit(write_until_full, run, number) for number in range(CLIENTS)]
        probes_s = []
        while not all(writer.done() for writer in writers):
            probes_s.append(check_reads(run))
            time.sleep(0.05)
        statuses = sum((writer.result() for writer in writers), Counter())

    assert statuses[201] > 20 and statuses[507] > 0, statuses
    assert set(statuses) <= {0, 201, 503, 507}, statuses
    assert max(probes_s) < 1, median(probes_s)
    print(statuses, f"/healthz: median {median(probes_s):.3f} s, worst {max(probes_s):.3f} s")
    fill(run.var)
    check_reads(run)
    writer = run.client("writer0")
    assert writer.send("PATCH", "/users/me/", {"bio": "Still here."}).status == 200
    assert_uploads_are_there(run)

    (run.var / "ballast").unlink()
    make_room(run)

    response = post_file(writer, "/novels/", "file", "after.txt", novel_text("after"))
    assert response is not None and response.status == 201, response
    assert run.process.poll() is None
    assert "SIGBUS" not in run.log.read_text()
    assert "server ended" not in run.log.read_text()


def fill(var: Path) -> None:
    """Use up the free space to the last byte."""
    try:
        with (var / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
    except OSError:
        pass


def make_room(run: Run) -> None:
    """Delete novels, as their owners."""
    clients = {str(number): run.client(f"writer{number}") for number in range(CLIENTS)}
    for key in run.acknowledged:
        number, path = key.split(" ")
        if path.startswith("/novels/"):
            assert clients[number].send("DELETE", path).status == 204
    time.sleep(1.5)  # The server reads the free space once a second.


def assert_uploads_are_there(run: Run) -> None:
    clients = {str(number): run.client(f"writer{number}") for number in range(CLIENTS)}
    uploads = set()
    for key, content in run.acknowledged.items():
        number, path = key.split(" ")
        client = clients[number]
        if path.endswith("/image/"):
            assert client.get(path).body == content, key
            continue
        uploads.add(hashlib.sha256(content).hexdigest())
        wait_until(lambda: is_parsed(client, path), 120)  # noqa: B023
        words = client.get(f"{path}chapters/1/").json["content"]
        assert words.split() == content.decode().split()[5:], key
    files = [path for path in (run.var / "uploads").rglob("*") if path.is_file()]
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == uploads
    pictures = [path for path in (run.var / "images").rglob("*") if path.is_file()]
    acknowledged = {
        hashlib.sha256(content).hexdigest()
        for key, content in run.acknowledged.items()
        if key.endswith("/image/")
    }
    assert {path.stem for path in pictures} == acknowledged


def is_parsed(client: Client, path: str) -> bool:
    status = client.get(f"{path}status/").json
    assert status["state"] != "failed", json.dumps(status)
    return bool(status["state"] == "completed")
