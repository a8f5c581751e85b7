"""Morpheus beside implementations that give the same responses."""
