"""The query monitor: every statement and every answer, measured and counted."""
