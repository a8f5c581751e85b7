"""Cache policies of reading progress; each comment names the tags that invalidate a value.

docs/caching.md has the table.
"""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# A user's place in one novel or comic: `reading:<user>/novel:<id>` and `novel:<id>/access`, or
# the same of a comic.
PLACE = CachePolicy("reading.place", version=1, ttl_s=3600)

# A page of what a user is reading: `reading:<user>`.
PAGE = CachePolicy("reading.page", version=1, ttl_s=3600)
