"""An operator, and rows of every model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from comics.models import Comic, Image, Panel, Rendition
from morpheus.db.transactions import write_transaction
from novels.models import Novel, NovelUpload, ProcessingStatus
from perf.models import SlowQuery
from tests.conftest import PASSWORD
from users.models import AccessToken, belonging_to


@pytest.fixture
def operator(make_user: Callable[..., Any]) -> Any:
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def site(operator: Any) -> Client:
    """A browser in which the operator is logged in."""
    client = Client()
    client.login(username=operator.email, password=PASSWORD)
    return client


@pytest.fixture
def make_rows(
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> Callable[[int], Any]:
    """Make private rows of every model for a new user; return the user."""

    def make(count: int = 1) -> Any:
        owner = make_user()
        for novel in make_novels(count, owner=owner, is_public=False):
            make_chapters(novel, "Once upon a time.")
            _make_related_rows(novel, owner)
        return owner

    return make


def _make_related_rows(novel: Novel, owner: Any) -> None:
    with write_transaction(as_user=owner.pk):
        NovelUpload.objects.create(
            novel=novel, owner=owner, digest=f"{novel.pk:064}", filename="a.txt", size_bytes=1
        )
        image = Image.objects.create(
            digest=f"{novel.pk:064}", media_type="image/png", width=2, height=3, size_bytes=4
        )
        Rendition.objects.create(
            image=image, size="small", digest="0" * 64, width=1, height=1, size_bytes=1
        )
        comic = Comic.objects.create(
            title=f"Comic {novel.pk}", novel=novel, owner=owner, cover=image, panel_count=1
        )
        Panel.objects.create(comic=comic, number=1, image=image, **belonging_to(comic))
        AccessToken.objects.create(
            user=owner, digest=novel.pk.to_bytes(32, "big"), expires_at=timezone.now()
        )
    with write_transaction(as_staff=True):
        SlowQuery.objects.create(
            fingerprint=f"{novel.pk:016}", route="GET /novels/", worst_ms=1, last_ms=1, count=1
        )


@pytest.fixture
def fail() -> Callable[[Novel], None]:
    """Mark the parse of a novel as failed."""

    def fail(novel: Novel) -> None:
        with write_transaction(as_user=novel.owner_id):
            ProcessingStatus.objects.filter(pk=novel.pk).update(state="failed", message="Broken.")

    return fail


def url(model: Any, page: str, *args: Any) -> str:
    """Return the admin's URL of a page of a model: changelist, add, change, delete, history."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
