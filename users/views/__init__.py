"""The API of users and how they log in, one file per subject."""
