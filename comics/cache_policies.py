"""Cache policies of comics; each comment names the tags that invalidate a value.

docs/caching.md has the table.
"""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# A comic as the API shows it, with the ids of owner and novel, and the version of the thumbnail:
# `comic:<id>`.
CARD = CachePolicy("comics.card", version=1, ttl_s=3600)

# Primary keys and ordering columns of a page: the list's tags, or `owner:<id>/comics`.
PAGE = CachePolicy("comics.page", version=2, ttl_s=3600)

# A page of panels: `panels:<comic>`, `comic:<comic>/access`.
PANELS = CachePolicy("comics.panels", version=1, ttl_s=3600)

# One panel: `panels:<comic>`, `comic:<comic>/access`.
PANEL = CachePolicy("comics.panel", version=1, ttl_s=3600)

# Digest, type and generation of a panel's image: `panels:<comic>`, `comic:<comic>/access`.
PANEL_IMAGE = CachePolicy("comics.panel_image", version=2, ttl_s=3600)

# Digests of a comic's cover and thumbnail: `comic:<id>/cover`.
THUMBNAIL = CachePolicy("comics.thumbnail", version=2, ttl_s=3600)

# A part of a user's dashboard (newest novels, newest comics, totals of both, totals of statuses):
# `name:<id>`, and those of `owner:<id>/novels`, `…/states`, `…/comics` that it shows.
DASHBOARD = CachePolicy("comics.dashboard", version=3, ttl_s=3600)
