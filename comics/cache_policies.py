"""What is cached of comics, for how long, and who ends it; docs/caching.md has the table."""

from __future__ import annotations

from morpheus.cache.policies import CachePolicy

# A comic as the API shows it, but of its owner and its novel the ids, and of its thumbnail the
# version; `comic:<id>` ends it.
CARD = CachePolicy("comics.card", version=1, ttl_s=3600)

# Which comics stand on a page, and where; the list's tags end it, of my own `owner:<id>/comics`.
PAGE = CachePolicy("comics.page", version=2, ttl_s=3600)

# A page of panels; `panels:<comic>` and `comic:<comic>/access` end it.
PANELS = CachePolicy("comics.panels", version=1, ttl_s=3600)

# Which file a panel's picture is, not the file; `panels:<comic>` and `comic:<comic>/access` end it.
PANEL_IMAGE = CachePolicy("comics.panel_image", version=1, ttl_s=3600)

# Which file a comic's thumbnail is; `comic:<id>/cover` ends it.
THUMBNAIL = CachePolicy("comics.thumbnail", version=1, ttl_s=3600)

# A part of my dashboard: newest novels with their states, cards of newest comics, totals of both,
# and of states; `name:<me>` and those of `owner:<me>/novels`, `…/states`, `…/comics` end it that it
# shows.
DASHBOARD = CachePolicy("comics.dashboard", version=2, ttl_s=3600)
