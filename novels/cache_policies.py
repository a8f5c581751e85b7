"""What is cached of novels, for how long, and who ends it; docs/caching.md has the table."""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# A novel as the API shows it, but of its owner the id alone; `novel:<id>` ends it.
CARD = CachePolicy("novels.card", version=1, ttl_s=3600)

# Which novels stand on a page, and where; the list's tags end it, of my own
# `owner:<id>/novels`.
PAGE = CachePolicy("novels.page", version=2, ttl_s=3600)

# A page of a table of contents; `chapters:<novel>` and `novel:<novel>/access` end it.
CONTENTS = CachePolicy("novels.contents", version=1, ttl_s=3600)

# A chapter with its text, which may be long; `chapters:<novel>` and `novel:<novel>/access` end it.
CHAPTER = CachePolicy("novels.chapter", version=1, ttl_s=3600, max_bytes=512 * 1024)

# How far a novel is parsed; `status:<novel>` and `novel:<novel>/access` end it.
STATUS = CachePolicy("novels.status", version=1, ttl_s=30)

# What a search finds, best first, at most 1,000; and of which moment that is, for `find_again`.
# `search` ends it, or of my own `search:<id>`. Searching costs more than anything else, so other
# processes wait for the one that does it.
SEARCH = CachePolicy(
    "novels.search", version=4, ttl_s=3600, lease_s=2.0, refreshes_incrementally=True
)

# What is shown of a document that was found; `novel:<id>` ends a novel's own, and what ends a
# chapter, a chapter's.
SNIPPET = CachePolicy("novels.snippet", version=2, ttl_s=3600)
