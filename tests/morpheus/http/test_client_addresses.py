"""By what a client is counted."""

from __future__ import annotations

from typing import Any

import pytest

from morpheus.http.client_addresses import get_client_network


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_a_client_is_counted_by_its_ipv4_address_or_its_ipv6_network(
    rf: Any, address: Any, network: Any
) -> None:
    assert get_client_network(rf.get("/", REMOTE_ADDR=address)) == network


def test_the_network_is_of_the_address_that_our_proxy_saw(rf: Any, settings: Any) -> None:
    settings.MORPHEUS_TRUSTED_PROXIES = 1
    request = rf.get("/", HTTP_X_FORWARDED_FOR="203.0.113.1, 2001:db8::5", REMOTE_ADDR="10.0.0.1")

    assert get_client_network(request) == "2001:db8::/64"
