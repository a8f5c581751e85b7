"""Who is at the other end of the connection."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

# The bits of an IPv6 address that a provider gives to one customer, who chooses all others.
IPV6_NETWORK_BITS = 64


def get_client_address(request: HttpRequest) -> str:
    """Return the client's IP address; what proxies of ours say counts, what clients say does not.

    `MORPHEUS_TRUSTED_PROXIES` proxies each append the address that they saw to `X-Forwarded-For`.
    """
    return read_client_address(request.META)


def read_client_address(environ: Mapping[str, Any]) -> str:
    """Return the client's IP address by a WSGI environment, as `client_address` does."""
    hops: int = settings.MORPHEUS_TRUSTED_PROXIES
    if hops:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= hops:
            return str(forwarded[-hops]).strip()
    return str(environ.get("REMOTE_ADDR", ""))


def get_client_network(request: HttpRequest) -> str:
    """Return the network to count a client by: its IPv4 address, or the /64 of its IPv6 address.

    One customer has all 2**64 addresses of a /64, so a limit per address would limit nothing.
    """
    address = get_client_address(request)
    try:
        parsed = ip_address(address)
    except ValueError:  # A Unix socket, or a proxy that writes no address.
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), IPV6_NETWORK_BITS), strict=False))
