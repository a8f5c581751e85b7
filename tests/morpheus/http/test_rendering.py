"""JSON is what Django REST framework would write, byte by byte."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils.translation import gettext_lazy
from rest_framework import renderers

from morpheus.http.rendering import JSONRenderer

VALUES = [
    None,
    {"title": "Größe “…” \u2028 \u2029 \x7f \x01 😀 <&>", "none": None, "yes": True},
    [1, -1, 2**62, 2**70, 0.5, 1e22, "", {}, []],
    {1: "a key that is no text"},
    {"lazy": gettext_lazy("Not found."), "money": Decimal("1.10"), "uuid": UUID(int=7)},
    {"at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)},
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("accepted", ["application/json", "application/json; indent=2", None])
def test_the_response_is_the_same(value: Any, accepted: Any) -> None:
    expected = renderers.JSONRenderer().render(value, accepted)

    assert JSONRenderer().render(value, accepted) == expected
