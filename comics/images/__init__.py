"""Picture files: accepted formats, paths and smaller copies. Uses no database."""
