"""Bearer tokens: made once, shown once, stored as a digest."""

from __future__ import annotations

import hashlib
import secrets

# 256 random bits: nobody guesses them, so a plain fast digest protects them as well as a slow one.
_SECRET_BYTES = 32


def token_secret() -> str:
    """Return a new token's secret, URL-safe."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def token_digest(secret: str) -> bytes:
    """Return what the database knows of a token: the SHA-256 of its secret."""
    return hashlib.sha256(secret.encode()).digest()
