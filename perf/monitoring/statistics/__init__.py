"""Statistics that PostgreSQL collects, one subject per module."""
