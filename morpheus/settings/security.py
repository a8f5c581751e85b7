"""Secrets, hosts and HTTPS; the defaults are those of a production server."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import cast

from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF
from django.utils.functional import SimpleLazyObject

from . import environment as env


def _read_or_make_secret(path: Path) -> str:
    """Return the secret in `path`; make it at the first use, readable by its owner alone."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        os.link(draft, path)  # If two processes start at once, both use the first secret.
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


# Lazy, because importing settings must write nothing.
SECRET_KEY = env.text("SECRET_KEY") or cast(
    str, SimpleLazyObject(lambda: _read_or_make_secret(env.MORPHEUS_VAR / "secret_key"))
)

SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS", default=[])

# `make run` switches this off: it serves plain HTTP on the loopback address only.
_https = env.flag("MORPHEUS_HTTPS", default=True)

ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS", default=[])
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SECURE = _https
# Browsers send the cookies to another site with `None` alone (docs/auth.md).
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = env.choice(
    "MORPHEUS_COOKIE_SAMESITE", default="LAX", choices=("LAX", "STRICT", "NONE")
).capitalize()
# A common parent domain lets scripts of the application's own host read the token.
CSRF_COOKIE_DOMAIN = env.text("MORPHEUS_CSRF_COOKIE_DOMAIN") or None
SECURE_SSL_REDIRECT = _https

# Origins whose scripts may use the API in a browser (docs/api.md).
CORS_ALLOWED_ORIGINS = env.items("MORPHEUS_CORS_ORIGINS", default=[])
# Whether browsers send cookies with their requests.
CORS_ALLOW_CREDENTIALS = env.flag("MORPHEUS_CORS_CREDENTIALS", default=False)
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_HEADERS = (
    *default_headers,
    *("idempotency-key", "if-match", "if-none-match", "last-event-id", "prefer"),
    *("traceparent", "x-explain", "x-request-id"),
)
# Without them, scripts could read seven headers of a response (Cache-Control, Content-Type, …).
CORS_EXPOSE_HEADERS = (
    *("ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Idempotency-Replayed", "X-Request-ID", "X-Poll-Interval", "Server-Timing"),
    "Preference-Applied",
    *("Deprecation", "Sunset", "Content-Disposition"),
)
# Seconds for which a browser remembers a preflight; Chromium takes no more.
CORS_PREFLIGHT_MAX_AGE = 7200

# Health checks and scrapes come from inside and do not pass the proxy that terminates TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# Browsers cannot be told to forget it over plain HTTP, so a mistake lasts an hour by default.
SECURE_HSTS_SECONDS = env.number("MORPHEUS_HSTS_SECONDS", default=3600, at_least=0) if _https else 0
# Both concern hosts other than this one, and a preload list is hard to leave.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("MORPHEUS_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.flag("MORPHEUS_HSTS_PRELOAD", default=False)
# Django warns where HSTS leaves out subdomains or preloading; here the operator decides.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# Only behind a proxy that always sets or removes this header itself.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.flag("MORPHEUS_BEHIND_PROXY", default=False)
    else None
)

# Of pages, by django-csp: scripts, styles and images from this server only, and nothing inline.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # `data:` is for the icons in the style sheets of Django's admin and of Swagger UI.
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Of all other responses: a browser that shows one as a page loads and runs nothing.
MORPHEUS_DATA_POLICY = "default-src 'none'"

# At most a hundred years, so that Python can represent the date of the end.
MORPHEUS_TOKEN_TTL_DAYS = env.number(
    "MORPHEUS_TOKEN_TTL_DAYS", default=30, at_least=1, at_most=36_500
)

# `GET /metrics` needs `Authorization: Bearer <token>`; without a token, only loopback may scrape.
MORPHEUS_METRICS_TOKEN = env.text("MORPHEUS_METRICS_TOKEN")
