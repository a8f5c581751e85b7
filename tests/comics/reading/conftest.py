"""Two readers, a novel and a comic of a third user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.comics.conftest import add_panel as add_panel
from tests.comics.conftest import make_comics as make_comics
from tests.comics.conftest import make_picture as make_picture


@pytest.fixture
def bob(make_user: Callable[..., Any]) -> Any:
    return make_user("bob")


@pytest.fixture
def owner(make_user: Callable[..., Any]) -> Any:
    return make_user("owner")


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


@pytest.fixture
def novel(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], owner: Any
) -> Any:
    [novel] = make_novels(owner=owner)
    make_chapters(novel, "One.", "Two.", "Three.")
    return novel


@pytest.fixture
def comic(
    make_comics: Callable[..., list[Any]], add_panel: Callable[..., Any], owner: Any, novel: Any
) -> Any:
    [comic] = make_comics(owner=owner, novel=novel)
    for _ in range(3):
        add_panel(comic)
    return comic
