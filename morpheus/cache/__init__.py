"""Cached values under the versions of their tags (docs/caching.md).

In reading order:

- protocol and store: `scripts`, `redis_client`, `circuit_breaker`, `store`
- read: `policies`, `cached_reads`, `batch_read`, `single_flight`
- write: `tagged_commit`, `outbox`, `outbox_listener`
- responses: `dependencies`, `response_keys`, `response_cache`
- Django: `sessions`, `reference_tables` (django-cachalot)
- observation: `metrics`, `shadow_verification`
"""
