"""Cached reads of comics; docs/caching.md lists their tags and what invalidates them."""
