"""Cache policies of novels; each comment names the tags that invalidate a value.

docs/caching.md has the table.
"""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# A novel as the API shows it, with its owner's id only: `novel:<id>`.
CARD = CachePolicy("novels.card", version=1, ttl_s=3600)

# Primary keys and ordering columns of a page: the list's tags, or `owner:<id>/novels`.
PAGE = CachePolicy("novels.page", version=2, ttl_s=3600)

# A page of a novel's chapters: `chapters:<novel>`, `novel:<novel>/access`.
CONTENTS = CachePolicy("novels.contents", version=1, ttl_s=3600)

# A chapter with its text, which may be long: `chapters:<novel>`, `novel:<novel>/access`.
CHAPTER = CachePolicy("novels.chapter", version=1, ttl_s=3600, max_bytes=512 * 1024)

# Processing status: `status:<novel>`, `novel:<novel>/access`.
STATUS = CachePolicy("novels.status", version=2, ttl_s=30)

# At most 1,000 ranked matches, and what `Search.refresh` needs: `search`, or `search:<id>` for the
# user's own novels. A search is the most expensive read, so other processes wait for the one that
# runs it.
SEARCH = CachePolicy(
    "novels.search", version=4, ttl_s=3600, lease_s=2.0, refreshes_incrementally=True
)

# Title and snippet of a match: `novel:<id>` for a novel's own text, a chapter's tags otherwise.
SNIPPET = CachePolicy("novels.snippet", version=2, ttl_s=3600)

# The number of public novels of a genre or language: `novels:genre:<id>` or `novels:language:<id>`.
COUNT = CachePolicy("novels.count", version=1, ttl_s=3600)
