"""Genres and languages that every installation has; the admin may add more."""

from __future__ import annotations

from typing import Any

from django.db import connection

from novels.models import Genre, Language

GENRES = {
    "adventure": "Adventure",
    "children": "Children's literature",
    "classic": "Classic",
    "comedy": "Comedy",
    "crime": "Crime",
    "drama": "Drama",
    "fairy-tale": "Fairy tale",
    "fantasy": "Fantasy",
    "gothic": "Gothic",
    "historical": "Historical",
    "horror": "Horror",
    "mystery": "Mystery",
    "romance": "Romance",
    "science-fiction": "Science fiction",
    "short-stories": "Short stories",
    "western": "Western",
}

# ISO 639-1 code: name, PostgreSQL's text search configuration.
LANGUAGES = {
    "da": ("Danish", "danish"),
    "de": ("German", "german"),
    "en": ("English", "english"),
    "es": ("Spanish", "spanish"),
    "fi": ("Finnish", "finnish"),
    "fr": ("French", "french"),
    "it": ("Italian", "italian"),
    "ja": ("Japanese", "simple"),
    "nl": ("Dutch", "dutch"),
    "no": ("Norwegian", "norwegian"),
    "pl": ("Polish", "simple"),
    "pt": ("Portuguese", "portuguese"),
    "ru": ("Russian", "russian"),
    "sv": ("Swedish", "swedish"),
    "zh": ("Chinese", "simple"),
}


def reference_rows_ensure(**signal: Any) -> None:
    """Add missing genres and languages; existing ones stay unchanged.

    Runs after each `migrate`, also after one that took the tables away, and after a test has
    emptied them.
    """
    if Language._meta.db_table not in connection.introspection.table_names():
        return
    Genre.objects.bulk_create(
        [Genre(slug=slug, name=name) for slug, name in GENRES.items()], ignore_conflicts=True
    )
    Language.objects.bulk_create(
        [
            Language(code=code, name=name, search_config=config)
            for code, (name, config) in LANGUAGES.items()
        ],
        ignore_conflicts=True,
    )
