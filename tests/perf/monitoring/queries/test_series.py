"""No request of a client adds time series to `/metrics`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from morpheus.http.metrics import collect_metrics

CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"


def series() -> set[tuple[Any, ...]]:
    return {
        (sample.name, *sorted(sample.labels.items()))
        for family in collect_metrics()
        for sample in family.samples
    }


@pytest.fixture
def make_word() -> Callable[[], str]:
    """Return a function that makes unused words, the same in every run."""
    chance = random.Random(42)  # noqa: S311
    return lambda: "".join(chance.choices(CHARACTERS, k=12))


def send(client: Client, word: str) -> None:
    """Send invented methods, paths and headers."""
    client.generic(word.upper().replace("-", "X"), "/api/v1/novels/")
    client.generic(word, f"/{word}")
    client.get(f"/{word}/{word}/")
    client.get(f"/api/v1/{word}/?{word}={word}")
    client.get(f"/api/v1/novels/?{word}={word}&genre={word}")
    client.get(f"/api/v1/novels/{random.randrange(10**6)}/")  # noqa: S311
    client.get(f"/admin/{word}/")
    client.get(
        "/api/v1/novels/",
        headers={
            "Host": "localhost",
            "X-Request-ID": word,
            "X-Explain": word,
            "User-Agent": word,
            "Accept": f"application/{word}",
            f"X-{word}": word,
        },
    )
    client.get("/api/v1/users/me/", headers={"Authorization": f"Bearer {word}"})
    client.post("/api/v1/auth/token/", data=word, content_type=f"application/{word}")


@pytest.mark.django_db
def test_invented_methods_paths_and_headers_add_no_series(
    client: Client, make_word: Callable[[], str], make_novels: Callable[..., list[Any]]
) -> None:
    make_novels()
    send(client, make_word())
    before = series()

    for _ in range(20):
        send(client, make_word())

    assert {name for name, *_ in before} >= {
        "morpheus_http_request_seconds_count",
        "morpheus_db_query_seconds_count",
    }
    assert series() - before == set()


@pytest.mark.django_db
def test_a_new_route_and_status_is_a_series(client: Client) -> None:
    before = series()

    client.put("/api/v1/comics/1/panels/order/")

    assert {
        dict(labels)["route"]
        for name, *labels in series() - before
        if name == "morpheus_http_request_seconds_count"
    } == {"PUT /comics/{comic_id}/panels/order/"}
