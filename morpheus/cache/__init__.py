"""Cached values under the versions of their tags (docs/caching.md).

In reading order:

- protocol and store: `scripts`, `redis_client`, `store`
- read: `policies`, `cached_reads`, `batch_read`, `single_flight`
- write: `tagged_commit`, `outbox`
- responses: `dependencies`, `response_keys`, `stored_responses`, `response_cache`
- Django: `sessions`, `reference_tables` (django-cachalot)
- observation: `metrics`, `shadow_verification`
"""
