"""What PostgreSQL knows of itself: one subject a file, one statement a function."""
