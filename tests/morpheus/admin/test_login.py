"""The admin's login page."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", ""],
)
def test_a_login_never_redirects_to_another_site(
    client: Any, operator: Any, elsewhere: Any
) -> None:
    form = {"username": operator.email, "password": PASSWORD, "next": elsewhere}

    for _ in ("log in", "logged in already"):
        response = client.post("/admin/login/", form, query_params={"next": elsewhere}, follow=True)

        assert response.status_code == 200
        assert response.redirect_chain == [(reverse("admin:index"), 302)]


def test_a_login_redirects_to_the_requested_page(client: Any, operator: Any) -> None:
    target = reverse("admin:perf_overview")
    form = {"username": operator.email, "password": PASSWORD}
    page = client.get(target, follow=True)
    [(login_url, _)] = page.redirect_chain

    response = client.post(login_url, form | {"next": target})

    assert response.headers["Location"] == target
