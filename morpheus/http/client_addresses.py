"""The address of the client at the other end of the connection."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

# A provider gives so many leading bits of an IPv6 address to one customer.
IPV6_NETWORK_BITS = 64


def get_client_address(environ: Mapping[str, Any]) -> str:
    """Return the client's IP address, as the trusted proxies tell it and not the client.

    `MORPHEUS_TRUSTED_PROXIES` proxies each append the address that they saw to `X-Forwarded-For`.
    """
    hops: int = settings.MORPHEUS_TRUSTED_PROXIES
    if hops:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= hops:
            return str(forwarded[-hops]).strip()
    return str(environ.get("REMOTE_ADDR", ""))


def get_client_network(request: HttpRequest) -> str:
    """Return the network that a limit counts: the IPv4 address, or the /64 of an IPv6 address.

    One customer has all 2**64 addresses of a /64, so a limit per address would limit nothing.
    """
    address = get_client_address(request.META)
    try:
        parsed = ip_address(address)
    except ValueError:  # A Unix socket, or a proxy that sends no address.
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), IPV6_NETWORK_BITS), strict=False))
