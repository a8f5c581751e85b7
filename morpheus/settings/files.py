"""Uploads, images and static files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

from . import environment as env

_MB = 1024 * 1024

MORPHEUS_MAX_UPLOAD_BYTES = env.number("MORPHEUS_MAX_UPLOAD_MB", default=25, at_least=1) * _MB
# One comic panel: a page at print quality.
MORPHEUS_MAX_IMAGE_BYTES = 20 * _MB
# Quotas of one user (users.quotas); 0 means no quota.
MORPHEUS_QUOTA_NOVELS = env.number("MORPHEUS_QUOTA_NOVELS", default=1000, at_least=0)
MORPHEUS_QUOTA_BYTES = env.number("MORPHEUS_QUOTA_MB", default=2048, at_least=0) * _MB
# With less free space, uploads are refused (morpheus.http.disk_space); 0 means never.
MORPHEUS_FREE_SPACE_BYTES = env.number("MORPHEUS_FREE_SPACE_MB", default=512, at_least=0) * _MB

# Limits of a child process that reads one file, in seconds of CPU and of wall time. docs/sandbox.md
# has the measurements.
# A novel of 25 MB takes 10 s to parse, the worst text measured 66 s.
MORPHEUS_PARSE_TIMEOUT_S = 120
# The client waits for this check. 25 MB take 1 s, at worst 5 s.
MORPHEUS_UPLOAD_CHECK_TIMEOUT_S = 15
# 40 million pixels take 1 s to decode, and up to 8 s if they are encoded anew.
MORPHEUS_PICTURE_TIMEOUT_S = 30
# The most that 40 million pixels take; a novel of 25 MB takes half as much.
MORPHEUS_SANDBOX_MEMORY_BYTES = 1024 * _MB

# Received files go straight to the system's temporary folder and are moved from there.
FILE_UPLOAD_HANDLERS = ["morpheus.http.request_bodies.BoundedUploadHandler"]
# Uploads may be private: only this system user reads them.
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Public, unlike uploads: a proxy of another user reads them.
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
        "OPTIONS": {"file_permissions_mode": 0o644, "directory_permissions_mode": 0o755},
    },
    # Uploaded novels, and panel images with their renditions; never served as static files.
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.MORPHEUS_VAR / "uploads"},
    },
    "images": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.MORPHEUS_VAR / "images"},
    },
    # Archives of users' data, for a week; no backup has them.
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.MORPHEUS_VAR / "exports"},
    },
}


def _object_store(url: str, folder: str) -> dict[str, Any]:
    """Return the storage below a folder of `s3://bucket/prefix?endpoint=URL&region=NAME`.

    Raises:
        ImproperlyConfigured: It is another kind of address, or django-storages is missing.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    is_bucket = parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc
    if not is_bucket or query.keys() - {"endpoint", "region"}:
        raise ImproperlyConfigured(
            "MORPHEUS_STORAGE_URL must be s3://bucket/prefix?endpoint=URL&region=NAME, where all "
            "but the bucket is optional. Keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if find_spec("storages") is None or find_spec("boto3") is None:
        raise ImproperlyConfigured(
            "MORPHEUS_STORAGE_URL needs django-storages: install requirements.s3.lock."
        )
    options = {
        "bucket_name": parts.netloc,
        "location": f"{parts.path.strip('/')}/{folder}".lstrip("/"),
        "endpoint_url": query.get("endpoint"),
        "region_name": query.get("region"),
        # Without them, those of the machine's role.
        "access_key": env.text("AWS_ACCESS_KEY_ID") or None,
        "secret_key": env.text("AWS_SECRET_ACCESS_KEY") or None,
    }
    return {"BACKEND": "morpheus.storage.s3.ObjectStorage", "OPTIONS": options}


if _url := env.text("MORPHEUS_STORAGE_URL"):
    for _folder in ("uploads", "images", "exports"):
        STORAGES[_folder] = _object_store(_url, _folder)
# Lifetime of signed addresses to which requests for pictures are redirected; 0 means that this
# server sends the pictures itself (docs/images.md).
MORPHEUS_IMAGE_URL_TTL_S = env.number("MORPHEUS_IMAGE_URL_TTL_S", default=0, at_least=0)

STATIC_URL = "/static/"
# Without collected files, the packages' own are served from where they are installed.
WHITENOISE_USE_FINDERS = True
if _static := env.text("MORPHEUS_STATIC"):
    # Each name has a digest of the content, so browsers and proxies keep it for ever.
    STATIC_ROOT = env.BASE_DIR / Path(_static).expanduser()
    STORAGES["staticfiles"]["BACKEND"] = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    WHITENOISE_USE_FINDERS = False
    WHITENOISE_KEEP_ONLY_HASHED_FILES = True
