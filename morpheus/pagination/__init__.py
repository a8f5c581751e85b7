"""Keyset pagination for Django REST framework; imports nothing of this project."""

from __future__ import annotations

from morpheus.pagination.cursors import Position
from morpheus.pagination.django_internals import (
    equality_conditions,
    limit_before_joins,
)
from morpheus.pagination.paginator import KeysetPagination
from morpheus.pagination.seek import seek_rows

__all__ = [
    "KeysetPagination",
    "Position",
    "equality_conditions",
    "limit_before_joins",
    "seek_rows",
]
