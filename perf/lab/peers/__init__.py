"""Morpheus beside implementations that give the same responses, and beside the limits."""
