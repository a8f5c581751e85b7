"""The OpenAPI document: its head, and values of its examples."""

from __future__ import annotations

from typing import Any

# Of the program and of its API; pyproject.toml and CHANGELOG.md have the same.
MORPHEUS_VERSION = "1.0.0"

_TAGS = {
    "auth": "Login, logout, and what the token of a mail does.",
    "users": "Registration, the caller's account, and public profiles.",
    "novels": "Uploaded novels, their chapters, and their processing status.",
    "comics": "Comics, their panels, and their pictures.",
    "genres": "The values of the filter `genre`.",
    "languages": "The values of the filter `language`.",
    "search": "Full-text search over novels and chapters.",
    "problems": "The codes of all errors.",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Morpheus",
    "DESCRIPTION": "Novels, comics and their making. Lists page by cursor, and count their rows on "
    "request. An operation takes the query parameters that it lists, each once; any other is "
    "refused (400). Every error is an RFC 9457 problem with a stable `code`.",
    "VERSION": MORPHEUS_VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVERS": [
        {"url": "/", "description": "The server of this document"},
        {"url": "http://127.0.0.1:8000", "description": "make run"},
    ],
    "TAGS": [{"name": name, "description": text} for name, text in _TAGS.items()],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Without a validator: on a public host Swagger UI would send the document's URL to one.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "PREPROCESSING_HOOKS": ["morpheus.api.openapi.document.select_public"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "morpheus.api.openapi.document.complete_document",
    ],
}

_UPLOADED_TEXT = "Chapter 1\n\nAlice was beginning to get very tired of sitting by her sister."

# By field, or by component and field where these differ; and parameters of paths. Times and
# enumerations need none.
MORPHEUS_OPENAPI_EXAMPLES: dict[str, Any] = {
    # Accounts.
    "email": "ann@example.org",
    "pending_email": "",
    "email_confirmed": True,
    "display_name": "Ann",
    "bio": "Reads.",
    "password": "a long pass phrase",
    "current_password": "a long pass phrase",
    "new_password": "a longer pass phrase",
    "token": "0sB2n8xLxWq3cVJk6oHcY7RzE4mTfP1uDgN5aKiQyZw",
    "MailTokenInputRequest.token": "YW5uQGV4YW1wbGUub3Jn:1vPqT0:9b74c9897bac770ffc029102a200c5de",
    "PasswordResetInputRequest.token": "7:1vPqT0:9b74c9897bac770ffc029102a200c5de",
    "name": "A program",
    "prefix": "0sB2n8",
    "expires_in_days": 30,
    "is_current": False,
    "size_bytes": 0,
    "progress": 0,
    "message": "",
    **{"novels_limit": 1000, "bytes": 1_482_311, "bytes_limit": None},
    # Novels.
    "id": 42,
    **{"Comic.id": 3, "Export.id": 2, "NamedToken.id": 5, "OwnToken.id": 5, "Owner.id": 7},
    **{"OwnProfile.id": 7, "Panel.id": 10, "Profile.id": 7, "PublicProfile.id": 7},
    "novel": 42,
    "title": "Alice's Adventures in Wonderland",
    "author": "Lewis Carroll",
    "synopsis": "A girl follows a rabbit.",
    "genre": "fantasy",
    "language": "en",
    "word_count": 26_450,
    "chapter_count": 12,
    "file": _UPLOADED_TEXT,
    "number": 1,
    "Chapter.title": "Down the Rabbit-Hole",
    "ChapterText.title": "Down the Rabbit-Hole",
    "content": "Alice was beginning to get very tired.\n\nSo she was considering.",
    "stage": "",
    "Status.warnings": [],
    "novel_title": "Alice's Adventures in Wonderland",
    "chapter": 1,
    "SearchResult.title": "Down the Rabbit-Hole",
    "snippet": "Alice was beginning to get very <mark>tired</mark>",
    "rank": 0.61,
    # Comics.
    "caption": "Down the hole",
    "image": "(the bytes of a picture)",
    "panel_count": 8,
    "thumbnail_url": "https://morpheus.example/api/v1/comics/3/thumbnail/?v=9f86d081884c7d65",
    "image_url": "https://morpheus.example/api/v1/comics/3/panels/1/image/?v=9f86d081884c7d65",
    "width": 992,
    "height": 690,
    # Reading progress.
    **{"panel": 12, "position": 0.25, "finished": False},
    **{"Reading.comic": None, "Reading.panel": None},
    # Totals of a dashboard.
    **{"novels": 3, "novels_unfinished": 1, "novels_failed": 0, "chapters": 36, "words": 79_350},
    **{"comics": 2, "panels": 16},
    # Request traces, for staff.
    **{"request_id": "4f1c0d5e9b7a4f0c8a3e2d1b6c5a4938", "is_requested": True, "user_id": 7},
    **{"TraceSummary.id": "5b1f0e6a", "RequestTrace.id": "5b1f0e6a", "identifier": "5b1f0e6a"},
    **{"at": "2026-11-30T12:00:00.000000Z", "route": "GET /novels/{novel_id}/", "ms": 3.1},
    **{"TraceSummary.status": 200, "RequestTrace.status": 200, "queries": 1, "database_ms": 0.8},
    **{"is_cached_response": False, "is_within_budget": True, "redundant_queries": 0},
    **{"method": "GET", "replica_queries": 0, "RequestTrace.budget": {}},
    **{"RequestTrace.redundant_queries": [], "RequestTrace.statements": []},
    **{"RequestTrace.cache": [], "statements_left_out": 0, "cache_left_out": 0},
    **{"RequestTrace.tags": ["novel:42"], "RequestTrace.others": []},
    # Problems.
    "code": "not_found",
    "status": 404,
    "type": "/api/v1/problems/not_found/",
    "meaning": "There is no such object or route, or the caller cannot see it.",
    "action": "Check the URL; log in if the object is private.",
    "ProblemType.title": "Not found",
    # Pages, and parameters of paths.
    "next": "https://morpheus.example/api/v1/",
    "previous": None,
    "count": 417,
    "cursor": "eyJwIjpbNDJdfQ",
    **{"novel_id": 42, "comic_id": 3, "panel_id": 10, "user_id": 7, "token_id": 5, "export_id": 2},
}
