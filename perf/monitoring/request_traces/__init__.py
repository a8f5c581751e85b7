"""Explain my request: what one request asked of database and cache, for staff (docs/explain.md)."""
