"""Secrets, hosts and HTTPS; the defaults are those of a production server."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .environment import VAR_DIR, env

__all__ = [
    "ALLOWED_HOSTS",
    "CSRF_COOKIE_SECURE",
    "CSRF_TRUSTED_ORIGINS",
    "METRICS_TOKEN",
    "SECRET_KEY",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECURE_HSTS_SECONDS",
    "SECURE_PROXY_SSL_HEADER",
    "SECURE_REDIRECT_EXEMPT",
    "SECURE_SSL_REDIRECT",
    "SESSION_COOKIE_SECURE",
    "TOKEN_TTL_DAYS",
]


def _kept_secret(path: Path) -> str:
    """Return the secret in `path`; make it at the first use, readable by its owner alone."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        os.link(draft, path)  # Two processes that start at once agree on the first one's.
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


SECRET_KEY = env.str("SECRET_KEY", default="") or _kept_secret(VAR_DIR / "secret_key")

# `make run` switches this off: it serves plain HTTP on the loopback address only.
_https = env.bool("MORPHEUS_HTTPS", default=True)

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = _https
# Probes and scrapes come from inside, past the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
# Only behind a proxy that always sets or removes this header itself.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)

# A hundred years at most, so that the end is a date that Python knows.
TOKEN_TTL_DAYS = env.number("TOKEN_TTL_DAYS", default=30, at_least=1, at_most=36_500)

# `GET /metrics` wants `Authorization: Bearer <this>`; without it, only loopback may scrape.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
