"""Slow statements: detected, counted, and recorded with their plans."""
