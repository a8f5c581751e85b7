"""What row level security costs: each read as the serving role and as one it does not bind."""
