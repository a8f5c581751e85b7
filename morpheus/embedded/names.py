"""Names of the database roles, and what our own remarks of the server begin with."""

from __future__ import annotations

OWNER = "morpheus_owner"
APP = "morpheus_app"
LOADER = "morpheus_loader"

# Tells our own remarks from the server's ("already exists, skipping").
NOTE = "Morpheus: "
