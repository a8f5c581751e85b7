"""Keyset pagination for Django REST framework; imports nothing of this project."""

from __future__ import annotations

from morpheus.pagination.conditions import compared, compares_only
from morpheus.pagination.cursors import Position
from morpheus.pagination.joining import found_first
from morpheus.pagination.paginator import KeysetPagination, rows_beyond

__all__ = [
    "KeysetPagination",
    "Position",
    "compared",
    "compares_only",
    "found_first",
    "rows_beyond",
]
