"""The cache: what is kept in Redis, under which tags, and how a write reaches it."""
