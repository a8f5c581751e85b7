"""Filters of GET /novels/; each goes with an index for every ordering (`novels.models`)."""

from __future__ import annotations

from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.request import Request

from morpheus.api.filters import compares, positive_id
from novels.models import Genre, Language
from novels.querysets import NovelQuerySet

OWN = "me"


def genre_id(slug: str) -> int:
    """Return the primary key of a genre: 1 query, or none where it is known (docs/caching.md).

    The key and not a join, so that the composite indexes serve.

    Raises:
        ValidationError: There is no such genre.
    """
    found = Genre.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if found is None:
        raise ValidationError({"genre": ["There is no genre of this name (slug)."]})
    return found


def language_id(code: str) -> int:
    """Return the primary key of a language: 1 query, or none where it is known.

    Raises:
        ValidationError: There is no such language.
    """
    found = Language.objects.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise ValidationError({"language": ["There is no language of this code (ISO 639-1)."]})
    return found


@compares("genre")
def by_genre(novels: NovelQuerySet, value: str, request: Request) -> NovelQuerySet:
    """Novels of this genre, by its slug."""
    return novels.filter(genre_id=genre_id(value))


@compares("language")
def by_language(novels: NovelQuerySet, value: str, request: Request) -> NovelQuerySet:
    """Novels in this language, by its ISO 639-1 code."""
    return novels.filter(language_id=language_id(value))


@compares("author")
def by_author(novels: NovelQuerySet, value: str, request: Request) -> NovelQuerySet:
    """Novels of the author of exactly this name."""
    return novels.filter(author=value)


@compares("owner", also=(OWN,))
def by_owner(novels: NovelQuerySet, value: str, request: Request) -> NovelQuerySet:
    """Public novels of the user with this id; with `me` all of my own, of every visibility."""
    if value != OWN:
        return novels.owned_by(positive_id("owner", value))
    if not request.user.is_authenticated:
        raise NotAuthenticated
    return novels.owned_by(request.user.pk)
