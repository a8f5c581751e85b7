"""What operators look at beside the API: probes, and every list of the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse

from perf.lab.plans.capture import RequestFailed, captured, served_host
from perf.lab.plans.requests import Answered, Ask
from perf.lab.plans.statements import Endpoint, explained

PROBES = ("/healthz", "/readyz", "/metrics")


# Django's own, but for the front page.
_FORMS = {
    *("login", "logout", "password_change", "password_change_done"),
    *("autocomplete", "jsi18n", "view_on_site"),
}


def operator_paths() -> list[str]:
    """Return probes, the admin's pages without parameters, and the list of each model."""
    models = [model._meta for model in admin.site._registry]
    names = [f"{meta.app_label}_{meta.model_name}_changelist" for meta in models]
    names += [
        pattern.name
        for pattern in admin.site.get_urls()
        if isinstance(pattern, URLPattern)
        and pattern.name is not None
        and pattern.name not in _FORMS
        and not pattern.pattern.regex.groups
    ]
    return [*PROBES, *sorted(reverse(f"admin:{name}") for name in names)]


def operator_endpoints() -> list[Endpoint]:
    """Ask for all of them as a superuser and explain what they ask; leaves the database as it was.

    Raises:
        RequestFailed: An answer is not 200.
    """
    with transaction.atomic():
        user = get_user_model().objects.create_superuser("operator@example.org", None)
        client = Client(SERVER_NAME=served_host())
        client.force_login(user)
        found = []
        for path in operator_paths():
            with captured() as statements:
                answer = client.get(path, secure=True)
            if answer.status_code != 200:
                raise RequestFailed(f"GET {path}: {answer.status_code} {answer.content!r}")
            one = Answered(Ask(f"GET {path}", by="staff"), None, statements, len(answer.content))
            found.append(explained(one, staff=True))
        transaction.set_rollback(True)
    return found
