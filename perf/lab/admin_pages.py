"""What the admin's lists cost: each as it opens, at its last page, filtered and searched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.sites import site
from django.db import connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from morpheus.admin.changelists import MAX_LISTED
from morpheus.db.transactions import write_transaction
from morpheus.django_internals.django import list_model_admins
from perf.lab.plans.capture import served_host
from users.models import User


@dataclass(frozen=True)
class Opened:
    """One list as an operator opened it.

    Attributes:
        ms: The best time of the rounds.
        statements: How many the request ran.
        slowest_ms: The best time of the slowest of these.
    """

    name: str
    ms: float
    statements: int
    slowest_ms: float


class PageFailed(Exception):
    """The admin answered something else than a list; the message says what."""


def opened(rounds: int) -> Iterator[Opened]:
    """Open every list of every model in every way, as an operator who is not kept."""
    with transaction.atomic():
        client = Client(SERVER_NAME=served_host())
        client.force_login(_operator())
        for model_admin in list_model_admins(site):
            name = model_admin.opts.label
            url = reverse(f"admin:{model_admin.opts.label_lower.replace('.', '_')}_changelist")
            for label, query in _ways(model_admin):
                yield _open(client, f"{name} {label}".strip(), f"{url}?{urlencode(query)}", rounds)
        transaction.set_rollback(True)


def _operator() -> User:
    with write_transaction(as_staff=True):
        user: User = User.objects.create(
            email="looks.at.lists@example.org", is_staff=True, is_superuser=True
        )
    return user


def _ways(model_admin: admin.ModelAdmin[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the list is opened with: nothing, its last page, filters, searches."""
    yield "", {}
    yield "last page", {"p": _last_page(model_admin)}
    for name in model_admin.list_filter:
        for value in _choices(model_admin.model, str(name)):
            yield f"{name}={value}", {f"{name}__exact": value}
    if model_admin.search_fields:
        yield "number", {"q": "777"}
        yield "beginning", {"q": "The Old"}
        yield "nothing", {"q": "Qqqq"}
        yield "address", {"q": "reader000007@example.org"}


def _last_page(model_admin: admin.ModelAdmin[Any]) -> int:
    with write_transaction(as_staff=True):
        rows: int = model_admin.model._default_manager.order_by()[:MAX_LISTED].count()
    return max(1, -(-rows // model_admin.list_per_page))


def _choices(model: type[models.Model], path: str) -> list[Any]:
    """Return the values that a filter offers."""
    field: Any = None
    for name in path.split("__"):
        field = model._meta.get_field(name)
        model = field.related_model or model
    if field.related_model:
        return [*field.related_model._default_manager.values_list("pk", flat=True)]
    if isinstance(field, models.BooleanField):
        return [1, 0]
    return [value for value, _ in field.choices or ()]


def _open(client: Client, name: str, url: str, rounds: int) -> Opened:
    times, statements, slowest = [], 0, []
    for _ in range(rounds):
        with CaptureQueriesContext(connection) as seen:
            began = time.perf_counter()
            answer = client.get(url, secure=True)
            times.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise PageFailed(f"GET {url}: {answer.status_code}")
        statements = len(seen)
        slowest.append(max(float(one["time"]) * 1000 for one in seen.captured_queries))
    return Opened(name, min(times), statements, min(slowest))
