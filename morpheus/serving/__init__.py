"""How requests come in: the server process, its threads, and clients that are slow or hostile."""
