"""Slow statements: seen, counted, kept with their plans, and told to whoever wants to know."""
