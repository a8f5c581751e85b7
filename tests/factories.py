"""Fixtures that make users, their API clients, novels and chapters."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction

PASSWORD = "correct horse battery staple"


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """Make a user; `make_user("ann")` has the address ann@example.org."""
    from users.models import User

    numbers = itertools.count(1)

    def make(name: str | None = None, **fields: Any) -> User:
        name = name or f"user{next(numbers)}"
        fields.setdefault("display_name", name.capitalize())
        user: User = User.objects.create_user(f"{name}@example.org", PASSWORD, **fields)
        return user

    return make


@pytest.fixture
def ann(make_user: Callable[..., Any]) -> Any:
    return make_user("ann")


@pytest.fixture
def as_user() -> Callable[..., APIClient]:
    """Return a client with a bearer token of a user."""
    from datetime import timedelta

    from django.utils import timezone

    from users.authentication import token_digest, token_secret
    from users.models import AccessToken

    def client(user: Any) -> APIClient:
        secret = token_secret()
        with write_transaction(as_user=user.pk):
            AccessToken.objects.create(
                user=user,
                digest=token_digest(secret),
                expires_at=timezone.now() + timedelta(days=1),
            )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return client


def secret_of(client: APIClient) -> str:
    """Return the bearer token that a client of `as_user` sends."""
    credentials: dict[str, str] = vars(client)["_credentials"]
    return credentials["HTTP_AUTHORIZATION"].split()[1]


@pytest.fixture
def make_novels(make_user: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Make novels with the status completed, public by default, with distinct titles."""
    from novels.models import Novel, ProcessingStatus
    from users.models import belonging_to

    numbers = itertools.count(1)

    def make(count: int = 1, *, owner: Any = None, **fields: Any) -> list[Novel]:
        owner = owner or make_user()
        fields = {"is_public": True, "author": "Somebody"} | fields
        with write_transaction(as_user=owner.pk):
            novels = Novel.objects.bulk_create(
                Novel(**{"title": f"Novel {next(numbers):05}", "owner": owner} | fields)
                for _ in range(count)
            )
            ProcessingStatus.objects.bulk_create(
                ProcessingStatus(
                    novel=novel, state="completed", progress=100, **belonging_to(novel)
                )
                for novel in novels
            )
        return novels

    return make


@pytest.fixture
def make_chapters() -> Callable[..., list[Any]]:
    """Add chapters with their texts to a novel, and make it searchable."""
    from novels.models import Chapter, ChapterText, Novel
    from novels.search.documents import documents_rebuild
    from users.models import belonging_to

    def make(novel: Any, *texts: str, titles: list[str] | None = None) -> list[Chapter]:
        with write_transaction(as_user=novel.owner_id):
            first = novel.chapters.count() + 1
            chapters = Chapter.objects.bulk_create(
                Chapter(
                    novel=novel,
                    number=first + index,
                    title=titles[index] if titles else f"Chapter {first + index}",
                    word_count=len(text.split()),
                    **belonging_to(novel),
                )
                for index, text in enumerate(texts)
            )
            ChapterText.objects.bulk_create(
                ChapterText(chapter=chapter, content=text, **belonging_to(chapter))
                for chapter, text in zip(chapters, texts, strict=True)
            )
            Novel.objects.filter(pk=novel.pk).update(chapter_count=first - 1 + len(texts))
            documents_rebuild(novel_id=novel.pk)
        return chapters

    return make
