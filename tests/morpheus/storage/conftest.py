"""An object store on the loopback interface (moto's server), as the storage of all files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from moto.server import ThreadedMotoServer
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.comics.conftest import make_comics, make_picture  # noqa: F401
from users.models import User

KEYS = {"access_key": "key", "secret_key": "secret", "region_name": "eu-central-1"}
TEXT = b"CHAPTER I. The start\n\nIt began.\n\nCHAPTER II. The end\n\nIt ended.\n"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Run moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def store(endpoint: str) -> Any:
    """Return the tests' own client of the store."""
    return boto3.resource(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )


@pytest.fixture
def bucket(store: Any) -> Any:
    """Return an empty bucket."""
    place = {"LocationConstraint": "eu-central-1"}
    return store.create_bucket(Bucket=f"files-{next(_numbers)}", CreateBucketConfiguration=place)


@pytest.fixture
def use_store(settings: Settings) -> Callable[..., None]:
    """Keep files in a bucket from now on."""

    def use(bucket_name: str, endpoint: str) -> None:
        options = {"bucket_name": bucket_name, "endpoint_url": endpoint, **KEYS}
        settings.STORAGES = settings.STORAGES | {
            alias: {
                "BACKEND": "morpheus.storage.s3.ObjectStorage",
                "OPTIONS": options | {"location": f"morpheus/{alias}"},
            }
            for alias in ("uploads", "images", "exports")
        }

    return use


@pytest.fixture
def stored(bucket: Any, endpoint: str, use_store: Callable[..., None]) -> Callable[[], set[str]]:
    """Keep files in the bucket; return a function that lists their keys."""
    use_store(bucket.name, endpoint)
    return lambda: {each.key for each in bucket.objects.all()}


@pytest.fixture
def calls(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect Morpheus' requests to the store; each must keep no database connection."""
    operations: list[str] = []
    call = BaseClient._make_api_call

    def spy(client: Any, operation: str, arguments: Any) -> Any:
        if client is not bucket.meta.client:
            operations.append(operation)
            assert connection.connection is None
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", spy)
    return operations


@pytest.fixture
def client(ann: User, as_user: Callable[..., APIClient]) -> APIClient:
    return as_user(ann)


@pytest.fixture
def upload_novel(client: APIClient) -> Callable[..., Any]:
    """Upload a novel of Ann's."""

    def upload(content: bytes = TEXT) -> Any:
        form = {"file": SimpleUploadedFile("tale.txt", content)}
        return client.post("/api/v1/novels/", form, format="multipart")

    return upload


@pytest.fixture
def upload_panel(client: APIClient, make_picture: Callable[..., bytes]) -> Callable[..., Any]:  # noqa: F811
    """Upload a panel of a comic of Ann's."""

    def upload(comic: Any, data: bytes | None = None) -> Any:
        form = {"image": SimpleUploadedFile("page.png", data or make_picture(700, 900))}
        return client.post(f"/api/v1/comics/{comic.pk}/panels/", form, format="multipart")

    return upload
