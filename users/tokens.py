"""Bearer tokens: made once, shown once, stored as a digest."""

from __future__ import annotations

import hashlib
import re
import secrets

# 256 random bits: nobody guesses them, so a plain fast digest protects them as well as a slow one.
_SECRET_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def token_secret() -> str:
    """Return a new token's secret, URL-safe."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def token_digest(secret: str) -> bytes:
    """Return what the database knows of a token: the SHA-256 of its secret."""
    return hashlib.sha256(secret.encode()).digest()


def is_secret(text: str) -> bool:
    """Tell whether a text has the form of a token's secret; no other text needs a look-up."""
    return _SECRET.fullmatch(text) is not None
