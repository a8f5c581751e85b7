"""Comics and pictures that the tests of this app start from."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from morpheus.db.transactions import write_transaction


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    """Make the bytes of a picture; each has another colour, so no two are equal."""
    numbers = itertools.count(1)

    def make(width: int = 60, height: int = 80, kind: str = "PNG", **options: Any) -> bytes:
        number = next(numbers)
        colour = (number * 37 % 256, number * 91 % 256, number % 256)
        out = BytesIO()
        Image.new("RGB", (width, height), colour).save(out, kind, **options)
        return out.getvalue()

    return make


@pytest.fixture
def make_comics(make_user: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Make comics without panels, public unless told otherwise; titles are distinct."""
    from comics.models import Comic

    numbers = itertools.count(1)

    def make(count: int = 1, *, owner: Any = None, **fields: Any) -> list[Comic]:
        owner = owner or make_user()
        fields = {"is_public": True} | fields
        with write_transaction(as_user=owner.pk):
            return Comic.objects.bulk_create(
                Comic(**{"title": f"Comic {next(numbers):05}", "owner": owner} | fields)
                for _ in range(count)
            )

    return make


@pytest.fixture
def add_panel(make_picture: Callable[..., bytes]) -> Callable[..., Any]:
    """Add a panel to a comic as its owner."""
    from comics.images.decoding import picture_read
    from comics.services.panels import panel_add

    def add(comic: Any, data: bytes | None = None, **fields: Any) -> Any:
        picture = picture_read(data or make_picture())
        with write_transaction(as_user=comic.owner_id):
            return panel_add(comic_id=comic.pk, picture=picture, **fields)

    return add


@pytest.fixture
def upload() -> Callable[..., dict[str, Any]]:
    """Return a multipart body with a picture."""

    def body(data: bytes, **fields: Any) -> dict[str, Any]:
        return {"image": SimpleUploadedFile("page.png", data), **fields}

    return body
