"""The API of novels, one file per subject."""
