"""The admin's login page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", ""],
)
def test_a_login_that_names_another_site_lands_on_the_admins_index(client, operator, elsewhere):
    form = {"username": operator.email, "password": PASSWORD, "next": elsewhere}

    for _ in ("log in", "logged in already"):
        answer = client.post("/admin/login/", form, query_params={"next": elsewhere}, follow=True)

        assert answer.status_code == 200
        assert answer.redirect_chain == [(reverse("admin:index"), 302)]


def test_a_login_leads_to_the_page_that_asked_for_it(client, operator):
    asked_for = reverse("admin:perf_overview")
    form = {"username": operator.email, "password": PASSWORD}
    page = client.get(asked_for, follow=True)
    [(login_url, _)] = page.redirect_chain

    answer = client.post(login_url, form | {"next": asked_for})

    assert answer.headers["Location"] == asked_for
