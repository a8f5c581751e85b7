"""Traces of single requests for staff: statements with plans, cache lookups, budget violations."""
