"""The query monitor: metrics for every request and statement, redundant queries, their routes."""
