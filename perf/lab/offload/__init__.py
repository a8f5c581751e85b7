"""How much of the database's work a cache takes off: one sequence of requests, run in each mode."""
