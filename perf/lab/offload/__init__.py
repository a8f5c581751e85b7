"""How much database time the cache saves under a natural mix of requests."""
