"""Uploads, images and static files."""

from __future__ import annotations

from .environment import VAR_DIR, env

__all__ = ["MAX_UPLOAD_BYTES", "STATIC_URL", "STORAGES", "WHITENOISE_USE_FINDERS"]

MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_MB", default=25) * 1024 * 1024

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
