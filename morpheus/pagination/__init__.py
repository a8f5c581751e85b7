"""Keyset pagination for Django REST framework; imports nothing of this project."""

from __future__ import annotations

from morpheus.pagination.conditions import compared
from morpheus.pagination.cursors import Position
from morpheus.pagination.joining import found_first
from morpheus.pagination.paginator import KeysetPagination

__all__ = ["KeysetPagination", "Position", "compared", "found_first"]
