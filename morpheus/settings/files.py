"""Uploads, images and static files."""

from __future__ import annotations

from .environment import VAR_DIR, env

__all__ = [
    "FILE_UPLOAD_DIRECTORY_PERMISSIONS",
    "FILE_UPLOAD_HANDLERS",
    "FILE_UPLOAD_PERMISSIONS",
    "FREE_SPACE_BYTES",
    "IMAGE_MAX_BYTES",
    "MAX_UPLOAD_BYTES",
    "PARSE_MEMORY_BYTES",
    "PARSE_TIMEOUT_S",
    "PICTURE_MEMORY_BYTES",
    "PICTURE_TIMEOUT_S",
    "QUOTA_BYTES",
    "QUOTA_NOVELS",
    "STATIC_URL",
    "STORAGES",
    "UPLOAD_CHECK_TIMEOUT_S",
    "WHITENOISE_USE_FINDERS",
]

MAX_UPLOAD_BYTES = env.number("MAX_UPLOAD_MB", default=25, at_least=1) * 1024 * 1024
# One comic panel.
IMAGE_MAX_BYTES = env.number("IMAGE_MAX_MB", default=20, at_least=1) * 1024 * 1024
# What one user may keep (users.quotas); 0: as much as there is room for.
QUOTA_NOVELS = env.number("QUOTA_NOVELS", default=1000, at_least=0)
QUOTA_BYTES = env.number("QUOTA_MB", default=2048, at_least=0) * 1024 * 1024
# Below so much free space, uploads are refused (morpheus.http.disk_space); 0: never.
FREE_SPACE_BYTES = env.number("MORPHEUS_FREE_SPACE_MB", default=512, at_least=0) * 1024 * 1024

# What a child process may use for one file; reasons and measurements are in docs/sandbox.md.
# Seconds are those of computing and, beside it, those of the clock.
PARSE_TIMEOUT_S = env.number("PARSE_TIMEOUT_S", default=120, at_least=1)
PARSE_MEMORY_BYTES = env.number("PARSE_MEMORY_MB", default=1024, at_least=64) * 1024 * 1024
# While its uploader waits.
UPLOAD_CHECK_TIMEOUT_S = env.number("UPLOAD_CHECK_TIMEOUT_S", default=15, at_least=1)
PICTURE_TIMEOUT_S = env.number("PICTURE_TIMEOUT_S", default=30, at_least=1)
PICTURE_MEMORY_BYTES = env.number("PICTURE_MEMORY_MB", default=1024, at_least=64) * 1024 * 1024
# Received files go straight to the system's temporary folder and are moved from there.
FILE_UPLOAD_HANDLERS = ["morpheus.http.request_bodies.BoundedUploadHandler"]
# What is kept may be private: it is read by this system user alone.
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # Novels as they were uploaded, and panel images with their renditions; never served as files.
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "uploads"},
    },
    "images": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "images"},
    },
}

STATIC_URL = "/static/"
# The packages' own static files are served from where they are installed: no collectstatic step.
WHITENOISE_USE_FINDERS = True
