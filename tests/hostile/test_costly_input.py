"""Requests and files that cost far more than they look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.hostile_inputs import jpeg_of_scans, line_of_dots
from tests.serving import Client, Response, wait_until

from .site import Site

SCANS = 26_000
CHAPTERS, CHAPTER_CHARS = 100, 50_000


@pytest.fixture(scope="module")
def owner(site: Site) -> Client:
    return site.register()


def upload(
    client: Client, path: str, field: str, name: str, data: bytes, **fields: str
) -> Response:
    """Send a file as a browser's form does."""
    boundary = "----hostile"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    body = b"".join(
        [*parts, f"--{boundary}\r\n{head}".encode(), data, f"\r\n--{boundary}--".encode()]
    )
    return client.send(
        "POST", path, body, **{"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )


def upload_novel(client: Client, text: bytes, **fields: str) -> int:
    response = upload(client, "/novels/", "file", "novel.txt", text, **fields)
    assert response.status == 201, response.body
    return int(response.json["id"])


def state_of(client: Client, novel: int) -> str:
    return str(client.get(f"/novels/{novel}/status/").json["state"])


@pytest.fixture(scope="module")
def costly_novel(owner: Client) -> int:
    """A public novel whose snippets took ts_headline minutes."""
    chapter = "bx by " * (CHAPTER_CHARS // 6)
    text = "\n\n".join(f"Chapter {n}\n\n{chapter}" for n in range(1, CHAPTERS + 1))
    novel = upload_novel(owner, text.encode(), visibility="public")
    wait_until(lambda: state_of(owner, novel) == "completed", 120)
    return novel


@contextmanager
def in_parallel(count: int, send: Any) -> Iterator[list[Response]]:
    """Send requests at once; the responses are there after the block."""
    responses: list[Response] = []
    with ThreadPoolExecutor(count) as threads:
        futures = [threads.submit(send, number) for number in range(count)]
        yield responses
    responses += [future.result() for future in futures]


def test_searches_whose_snippets_are_costly(site: Site, attacked: Any, costly_novel: int) -> None:
    def search(number: int) -> Response:
        # Each its own: no response comes from the cache, or waits for another.
        return site.get(f"/search/?q=bx+by+or+zz{number}&page_size=100")

    with attacked("16 costly searches"), in_parallel(16, search) as responses:
        pass

    # Each succeeds or is refused for the moment; none is an error.
    assert {response.status for response in responses} <= {200, 503}
    assert all(response.headers["Retry-After"] for response in responses if response.status == 503)
    assert any(response.status == 200 for response in responses)


def test_a_line_of_dots_does_not_hold_the_worker(site: Site, attacked: Any, owner: Client) -> None:
    with attacked("a line of 25 MB of dots"):
        hostile = upload_novel(owner, line_of_dots(24_000_000))
        novel = upload_novel(owner, b"Chapter 1\n\nIt began.\n\nChapter 2\n\nIt ended.\n")
        wait_until(lambda: state_of(owner, novel) == "completed", 150)
        wait_until(lambda: state_of(owner, hostile) in ("completed", "failed"), 150)

    assert owner.send("DELETE", f"/novels/{hostile}/").status == 204


def test_jpegs_of_empty_scans(site: Site, attacked: Any, owner: Client) -> None:
    comic = owner.send("POST", "/comics/", {"title": "Scans"}).json["id"]
    picture = jpeg_of_scans(SCANS)

    def add(number: int) -> Response:
        return upload(owner, f"/comics/{comic}/panels/", "image", "scans.jpg", picture)

    with attacked("8 JPEGs of 26,000 scans"), in_parallel(8, add) as responses:
        pass

    assert {response.status for response in responses} <= {400, 503}
    assert 400 in {response.status for response in responses}


def test_memory_comes_back_after_large_pictures(site: Site, attacked: Any, owner: Client) -> None:
    comic = owner.send("POST", "/comics/", {"title": "Large"}).json["id"]
    out = BytesIO()
    Image.effect_noise((8_000, 5_000), 60).convert("RGB").save(out, "JPEG", quality=60)

    with attacked("10 pictures of 40 megapixels"):
        for number in range(10):
            # Another picture each time: equal ones are kept once.
            data = out.getvalue() + bytes([number])
            response = upload(owner, f"/comics/{comic}/panels/", "image", "large.jpg", data)
            assert response.status == 201, response.body

    assert owner.get(f"/comics/{comic}/thumbnail/?size=large").status == 200


def test_invented_parameters_do_not_fill_the_cache(site: Site, attacked: Any) -> None:
    before = cache_mb(site)

    def read(thread: int) -> Response:
        for number in range(500):
            response = site.get(f"/novels/?page_size=100&invented={thread}-{number}")
            assert response.status == 400
        return response

    with attacked("invented parameters"), in_parallel(4, read):
        pass

    assert cache_mb(site) - before < 5


def cache_mb(site: Site) -> float:
    from morpheus.embedded.addresses import Addresses
    from morpheus.embedded.valkey import send_command

    info = send_command(Addresses.under(site.var), b"INFO memory\r\n").decode()
    return int(info.split("used_memory:")[1].split("\r\n")[0]) / 1e6


def test_guessing_passwords(site: Site, attacked: Any) -> None:
    """Hashing passwords keeps a core busy; readers still have the other."""
    end = time.monotonic() + 45

    def guess(number: int) -> Response:
        body = {"email": f"u{number}@b.example", "password": "wrong pass"}
        while True:
            response = site.send("POST", "/auth/token/", body)
            assert response.status in (401, 503)
            if time.monotonic() > end:
                return response

    with attacked("4 clients that guess passwords"):
        end = time.monotonic() + 15
        with in_parallel(4, guess):
            pass
