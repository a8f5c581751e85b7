"""This project beside others that answer the same, and beside the limits of the machine."""
