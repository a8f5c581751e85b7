"""The embedded PostgreSQL and Valkey; pure Python, usable before Django's settings exist."""
