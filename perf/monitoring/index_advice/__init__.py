"""Which indexes would help, tried on this database; and which help nobody."""
