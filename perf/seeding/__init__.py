"""Fills a database with invented novels and comics, the same ones for the same seed."""
