"""The pages, one subject a file; each reads, and says what it could not read."""
