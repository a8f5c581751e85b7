"""The icon of all pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

ICON = "/static/morpheus/favicon.svg"


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["docs", "admin:login"])
def test_a_page_has_the_icon(client: Any, page: str) -> None:
    html = client.get(reverse(page)).content.decode()

    assert html.count('rel="icon"') == 1
    assert f'<link rel="icon" href="{ICON}">' in html


def test_the_usual_path_of_an_icon_leads_to_it(client: Any) -> None:
    response = client.get("/favicon.ico", follow=True)

    assert response.redirect_chain == [(ICON, 302)]
    assert response["Content-Type"].startswith("image/svg+xml")
    assert b"<svg" in b"".join(response.streaming_content)
