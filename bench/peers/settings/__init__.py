"""Settings of each peer."""
