"""The only place that writes users and what belongs to their accounts, one file per subject."""
