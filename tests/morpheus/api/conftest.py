"""Fixtures of the tests of declared reads."""

from __future__ import annotations

from tests.morpheus.cache.conftest import make_policy

__all__ = ["make_policy"]
