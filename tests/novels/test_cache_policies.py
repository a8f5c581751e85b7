"""Cached values of novels have the shape of their version and hold nothing private."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from morpheus.cache.policies import POLICIES
from morpheus.cache.store import cache_store, decompress
from novels.models import Genre, Language
from tests.cached_shapes import assert_shape_is_kept

pytestmark = pytest.mark.django_db(transaction=True)

SHAPES = Path(__file__).parent / "cached_shapes"
URL = "/api/v1/novels/"
SEARCH = "/api/v1/search/"


@pytest.fixture
def make_novel(
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> Callable[..., Any]:
    def make(**fields: Any) -> Any:
        gothic, english = Genre.objects.get(slug="gothic"), Language.objects.get(code="en")
        owner = make_user()
        (novel,) = make_novels(1, owner=owner, genre=gothic, language=english, **fields)
        make_chapters(novel, "Secret whale.", titles=["Secret"])
        return novel

    return make


def cached_values(name: str = "", reader: str = "") -> Any:
    """Return the payloads that the server holds of a policy, by key."""
    keys = cache_store().client.run(lambda prefix: [("KEYS", f"{prefix}{name}*:v*{reader}")])[0]
    values = cache_store().client.run(lambda prefix: [("GET", key) for key in keys])
    return {
        key.decode().split(":", 2)[2]: decompress(value.partition(b"\n")[2])
        for key, value in zip(keys, values, strict=True)
    }


def paths(novel: Any) -> list[Any]:
    rests = ["", f"{novel.pk}/", f"{novel.pk}/chapters/", f"{novel.pk}/chapters/1/"]
    rests.append(f"{novel.pk}/status/")
    return [*(f"{URL}{rest}" for rest in rests), f"{SEARCH}?kind=chapter&q=whale"]


def test_values_have_the_shape_of_their_version(
    api: APIClient, make_novel: Callable[..., Any]
) -> None:
    novel = make_novel()
    for path in [*paths(novel), "/api/v1/genres/"]:
        api.get(path)

    names = {name: policy for name, policy in POLICIES.items() if name.startswith("novels.")}
    for name, policy in names.items():
        key, *others = cached_values(name)
        assert not others or name == "novels.count"
        assert_shape_is_kept(SHAPES, policy, key.removeprefix(f"{name}:v{policy.version}:"))
    assert {path.stem for path in SHAPES.iterdir()} == names.keys()


def test_a_key_without_a_reader_holds_nothing_private(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novel: Callable[..., Any],
) -> None:
    novel = make_novel(title="Secret", is_public=False)
    owner, other = as_user(novel.owner), as_user(make_user())
    for client in (owner, api, other, owner):
        for path in [*paths(novel), f"{URL}?owner=me", f"{SEARCH}?q=whale&scope=mine"]:
            client.get(path)

    own = cached_values("novels", f"@{novel.owner_id}")
    shared = {key: value for key, value in cached_values("novels").items() if "@" not in key}

    assert {key.split(":")[0] for key in own} == {
        *("novels.card", "novels.page", "novels.contents", "novels.chapter", "novels.status"),
        *("novels.search", "novels.snippet"),
    }
    [search] = [orjson.loads(shared.pop(key)) for key in [*shared] if "search" in key]
    assert search[0] == [] and not search[1][-1]
    assert len(shared) >= 3 and {*shared.values()} == {b"null", b"[]"}
    elsewhere = [value for key, value in cached_values().items() if key not in own]
    assert elsewhere and not any(b"Secret" in value for value in elsewhere)
