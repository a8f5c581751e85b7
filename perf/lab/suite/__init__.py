"""The performance suite: every route and statement timed beside its budget, with a report."""
