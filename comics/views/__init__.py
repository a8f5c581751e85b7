"""The API of comics, one file per subject."""
