"""Access to the dashboard, and links between its pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from perf.monitoring.dashboard.page import TABS
from perf.monitoring.dashboard.urls import PAGES
from tests.conftest import PASSWORD
from tests.perf.monitoring.dashboard.conftest import text_of

pytestmark = pytest.mark.django_db

ADDRESSES = [reverse(f"admin:{page.name}", args=[1] if "<" in page.path else []) for page in PAGES]


def test_only_staff_can_see_a_page(client: Client, make_user: Any) -> None:
    anonymous = [client.get(address) for address in ADDRESSES]
    make_user("ann")
    client.login(username="ann@example.org", password=PASSWORD)
    member = [client.get(address) for address in ADDRESSES]

    for response in anonymous + member:
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("admin:login"))


def test_staff_can_read_every_page(site: Client) -> None:
    for name in TABS:
        address = reverse(f"admin:{name}")
        response = site.get(address)

        assert response.status_code == 200
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "no-store" in response["Cache-Control"]
        assert site.post(address).status_code == 405


def test_the_admin_links_to_every_page(site: Client) -> None:
    index = text_of(site.get(reverse("admin:index")))

    for name, title in TABS.items():
        assert f'href="{reverse(f"admin:{name}")}"' in index
        assert title in index


def test_every_page_links_to_all_others_and_to_the_admin(site: Client) -> None:
    for name in TABS:
        page = text_of(site.get(reverse(f"admin:{name}")))
        assert all(f'href="{reverse(f"admin:{other}")}"' in page for other in TABS)
        assert f'href="{reverse("admin:index")}"' in page
