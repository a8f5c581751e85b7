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
from tests.serving import Answer, Client, wait_until

from .site import Site

SCANS = 26_000
CHAPTERS, CHAPTER_CHARS = 100, 50_000


@pytest.fixture(scope="module")
def owner(site: Site) -> Client:
    return site.register()


def upload(client: Client, path: str, field: str, name: str, data: bytes, **fields: str) -> Answer:
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
    answer = upload(client, "/novels/", "file", "novel.txt", text, **fields)
    assert answer.status == 201, answer.body
    return int(answer.json["id"])


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
def in_parallel(count: int, send: Any) -> Iterator[list[Answer]]:
    """Send requests at once; the answers are there after the block."""
    answers: list[Answer] = []
    with ThreadPoolExecutor(count) as threads:
        futures = [threads.submit(send, number) for number in range(count)]
        yield answers
    answers += [future.result() for future in futures]


def test_searches_whose_snippets_are_costly(site: Site, attacked: Any, costly_novel: int) -> None:
    def search(number: int) -> Answer:
        # Each its own: none is answered from the cache, or waits for another.
        return site.get(f"/search/?q=bx+by+or+zz{number}&page_size=100")

    with attacked("16 costly searches"), in_parallel(16, search) as answers:
        pass

    # Each is answered, or told to come again; none is an error.
    assert {answer.status for answer in answers} <= {200, 503}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 503)
    assert any(answer.status == 200 for answer in answers)


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

    def add(number: int) -> Answer:
        return upload(owner, f"/comics/{comic}/panels/", "image", "scans.jpg", picture)

    with attacked("8 JPEGs of 26,000 scans"), in_parallel(8, add) as answers:
        pass

    assert {answer.status for answer in answers} <= {400, 503}
    assert 400 in {answer.status for answer in answers}


def test_memory_comes_back_after_large_pictures(site: Site, attacked: Any, owner: Client) -> None:
    comic = owner.send("POST", "/comics/", {"title": "Large"}).json["id"]
    out = BytesIO()
    Image.effect_noise((8_000, 5_000), 60).convert("RGB").save(out, "JPEG", quality=60)

    with attacked("10 pictures of 40 megapixels"):
        for number in range(10):
            # Another picture each time: equal ones are kept once.
            data = out.getvalue() + bytes([number])
            answer = upload(owner, f"/comics/{comic}/panels/", "image", "large.jpg", data)
            assert answer.status == 201, answer.body

    assert owner.get(f"/comics/{comic}/thumbnail/?size=large").status == 200


def test_invented_parameters_do_not_fill_the_cache(site: Site, attacked: Any) -> None:
    before = cache_mb(site)

    def ask(thread: int) -> Answer:
        for number in range(500):
            answer = site.get(f"/novels/?page_size=100&invented={thread}-{number}")
            assert answer.status == 400
        return answer

    with attacked("invented parameters"), in_parallel(4, ask):
        pass

    assert cache_mb(site) - before < 5


def cache_mb(site: Site) -> float:
    from morpheus.embedded.addresses import Addresses
    from morpheus.embedded.valkey import send_command

    info = send_command(Addresses.under(site.var), b"INFO memory\r\n").decode()
    return int(info.split("used_memory:")[1].split("\r\n")[0]) / 1e6


def test_guessing_passwords(site: Site, attacked: Any) -> None:
    """Hashing passwords takes a core; readers still get theirs."""
    end = time.monotonic() + 45

    def guess(number: int) -> Answer:
        body = {"email": f"u{number}@b.example", "password": "wrong pass"}
        while True:
            answer = site.send("POST", "/auth/token/", body)
            assert answer.status in (401, 503)
            if time.monotonic() > end:
                return answer

    with attacked("4 clients that guess passwords"):
        end = time.monotonic() + 15
        with in_parallel(4, guess):
            pass
