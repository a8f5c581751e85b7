"""Full-text search: its documents, its statements, and its cached reads."""
