"""Who is at the other end of the connection."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address; what proxies of ours say counts, what clients say does not.

    `TRUSTED_PROXIES` proxies each append the address that they saw to `X-Forwarded-For`.
    """
    hops: int = settings.TRUSTED_PROXIES
    if hops:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= hops:
            return str(forwarded[-hops]).strip()
    return str(request.META.get("REMOTE_ADDR", ""))
