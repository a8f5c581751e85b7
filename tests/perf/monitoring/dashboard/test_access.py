"""Who may see the dashboard, and how they come there."""

from __future__ import annotations

import pytest
from django.urls import reverse

from perf.monitoring.dashboard.rendering import TABS
from perf.monitoring.dashboard.urls import PAGES
from tests.conftest import PASSWORD
from tests.perf.monitoring.dashboard.conftest import text_of

pytestmark = pytest.mark.django_db

ADDRESSES = [reverse(f"admin:{page.name}", args=[1] if "<" in page.path else []) for page in PAGES]


def test_nobody_but_staff_sees_a_page(client, make_user):
    anonymous = [client.get(address) for address in ADDRESSES]
    make_user("ann")
    client.login(username="ann@example.org", password=PASSWORD)
    member = [client.get(address) for address in ADDRESSES]

    for answer in anonymous + member:
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:login"))


def test_staff_without_other_rights_see_every_page_and_only_look(site):
    for name in TABS:
        address = reverse(f"admin:{name}")
        answer = site.get(address)

        assert answer.status_code == 200
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert site.post(address).status_code == 405


def test_the_admins_index_leads_to_every_page(site):
    index = text_of(site.get(reverse("admin:index")))

    for name, title in TABS.items():
        assert f'href="{reverse(f"admin:{name}")}"' in index
        assert title in index


def test_every_page_leads_to_all_others_and_home(site):
    for name in TABS:
        page = text_of(site.get(reverse(f"admin:{name}")))
        assert all(f'href="{reverse(f"admin:{other}")}"' in page for other in TABS)
        assert f'href="{reverse("admin:index")}"' in page
