"""Fill a database with invented novels and comics, the same for the same seed."""
